// The columns of server-side Tables, per kind: what `kubectl get` and `kubectl get -o wide` print.
// Pure: ages are reckoned from the wall time that is passed in.
// Source: Kubernetes' printers as kubectl shows them, v1.33.
#pragma once

#include <cstdint>
#include <span>

#include "objects/hooks.h"

namespace kring::columns {

using Cells = void (*)(const json::Value& object, int64_t now_ms, json::Array& cells);
struct Printer {
  std::string_view group, kind;
  std::span<const Column> columns;
  Cells cells;
};

// Null when the kind has no columns of its own.
const Printer* printer_of(std::string_view group, std::string_view kind);

}  // namespace kring::columns
