// The settings of `kring node`: command line over configuration file over defaults, checked as a whole before anything
// is touched.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/node.h"

namespace kring::cli {

// Reads a YAML mapping whose keys are the flags of `kring node` without dashes in front ("data-dir: /srv/kring").
// Errors name the file, the key and what it takes.
Result<void> apply_config_file(std::string_view path, std::string_view text, NodeConfig& config);

// Copies the named settings (flags without dashes) from one configuration to another.
void copy_settings(const std::vector<std::string>& names, const NodeConfig& from, NodeConfig& to);

// Fills the node's name from the machine's when it is empty and checks every value.
Result<void> validate(NodeConfig& config);

// Reads a small file of the person who called (a configuration), not through the node's disk.
Result<std::string> read_text(const std::string& path, size_t bytes_max);

}  // namespace kring::cli
