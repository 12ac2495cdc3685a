#include "objects/columns.h"

#include <algorithm>
#include <vector>

#include "objects/columns_tables.h"

namespace kring::columns {

const Printer* printer_of(std::string_view group, std::string_view kind) {
  static const std::vector<Printer> all = [] {
    std::vector<Printer> joined = pod_printers();
    for (const auto& more : {core_printers(), workload_printers(), other_printers()})
      joined.insert(joined.end(), more.begin(), more.end());
    return joined;
  }();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Printer& p) { return p.group == group && p.kind == kind; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace kring::columns
