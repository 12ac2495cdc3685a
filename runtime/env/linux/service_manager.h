// What kring tells the service manager that started it (systemd with Type=notify), over the datagram socket named by
// NOTIFY_SOCKET; a leading @ means an abstract one. Source: sd_notify(3).
#pragma once

#include <optional>
#include <string_view>

#include "objects/result.h"

namespace kring {

// `state` is lines of "READY=1", "STOPPING=1", "STATUS=...", "WATCHDOG=1", "MAINPID=...". Success when nobody listens.
Result<void> notify_service_manager(std::string_view state);

// How often the service manager wants WATCHDOG=1, in milliseconds: half of WATCHDOG_USEC, as sd_watchdog_enabled(3)
// recommends. Nothing when it does not ask (or asks another process).
std::optional<int64_t> service_watchdog_ms();

}  // namespace kring
