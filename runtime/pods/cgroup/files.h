// Small kernel files: whole content in one call.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kring::cgroup {

// Empty when it cannot be read.
std::string read_file(const std::string& path);
// 0 or a positive errno.
int write_file(const std::string& path, std::string_view content);
std::vector<std::string> directories(const std::string& path);
std::vector<std::string_view> split(std::string_view text, char separator);
// The number after `key ` in lines of "key number"; -1 when there is none.
int64_t number_of(std::string_view text, std::string_view key);

}  // namespace kring::cgroup
