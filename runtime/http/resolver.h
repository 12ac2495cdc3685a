// Finds the addresses of a host name: /etc/hosts, then the name servers of /etc/resolv.conf. getaddrinfo is out of the
// question: it blocks the loop, and in a static program it loads plugins of the machine's libc.
#pragma once

#include <string>
#include <vector>

#include "runtime/env/env.h"

namespace kring::http {

// A numeric address is its own answer. IPv4 first. not_found when no server knows the name; timeout.
Task<Result<std::vector<std::string>>> resolve(Env& env, std::string host);

}  // namespace kring::http
