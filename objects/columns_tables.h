// The printers of each group of kinds; columns.cc joins them.
#pragma once

#include <vector>

#include "objects/columns.h"

namespace kring::columns {

std::vector<Printer> pod_printers();
std::vector<Printer> core_printers();
std::vector<Printer> workload_printers();
std::vector<Printer> other_printers();

}  // namespace kring::columns
