#include "runtime/pods/cgroup/files.h"

#include <dirent.h>
#include <errno.h>

#include <charconv>
#include <memory>

#include "runtime/pods/keeper/sys.h"

namespace kring::cgroup {

std::string read_file(const std::string& path) {
  const sys::Fd file{sys::openat(AT_FDCWD, path.c_str(), O_RDONLY)};
  std::string content;
  if (!file.ok()) return content;
  char buffer[4096];
  long n = 0;
  while ((n = sys::read(file.get(), buffer, sizeof(buffer))) > 0) content.append(buffer, static_cast<size_t>(n));
  return content;
}

int write_file(const std::string& path, std::string_view content) {
  const sys::Fd file{sys::openat(AT_FDCWD, path.c_str(), O_WRONLY)};
  if (!file.ok()) return file.error();
  return -sys::write_all(file.get(), content.data(), content.size());
}

std::vector<std::string> directories(const std::string& path) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> open{::opendir(path.c_str()), ::closedir};
  if (open == nullptr) return names;
  while (const dirent* entry = ::readdir(open.get())) {
    const std::string_view name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = text.find(separator);
    if (end != 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return parts;
}

int64_t number_of(std::string_view text, std::string_view key) {
  for (const auto line : split(text, '\n')) {
    if (line.size() <= key.size() || !line.starts_with(key) || line[key.size()] != ' ') continue;
    int64_t value = -1;
    std::from_chars(line.data() + key.size() + 1, line.data() + line.size(), value);
    return value;
  }
  return -1;
}

}  // namespace kring::cgroup
