#include "runtime/pods/mounts/in_root.h"

#include <errno.h>

namespace kring::mounts {

using keeper::Path;

namespace {

constexpr uint64_t inside = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
constexpr int links_max = 40;  // as the kernel's own limit, path_resolution(7)

// The next component of `rest`, which loses it. Empty at the end.
std::string_view next_component(std::string_view& rest) {
  while (!rest.empty() && rest.front() == '/') rest.remove_prefix(1);
  const size_t end = rest.find('/');
  const auto component = rest.substr(0, end);
  rest.remove_prefix(component.size());
  return component;
}

bool only_slashes(std::string_view rest) { return rest.find_first_not_of('/') == std::string_view::npos; }

int open_resolved(int dir, std::string_view path, uint64_t flags, uint64_t resolve) {
  const Path terminated{path.empty() ? std::string_view{"."} : path};
  if (terminated.overflowed()) return -ENAMETOOLONG;
  return sys::openat2(dir, terminated.c_str(), flags, resolve);
}

int make(int parent, const char* name, Kind kind, int mode) {
  if (kind == Kind::directory) return sys::mkdirat(parent, name, mode);
  const int fd = sys::openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, mode);
  if (fd < 0) return fd;
  sys::close(fd);
  return 0;
}

struct Creation {
  int root;
  uint64_t resolve;
  Kind kind;
  int mode;
};

// Walks `path` once. Returns a descriptor or an errno; 1 when a link to something missing was met, then `path` is
// rewritten with what the link says.
int walk(const Creation& how, Path& path, int& result) {
  sys::Fd parent{sys::openat(how.root, ".", O_PATH | O_DIRECTORY)};
  if (!parent.ok()) return -parent.error();
  Path prefix;
  std::string_view rest = path.view();
  while (true) {
    const std::string_view component = next_component(rest);
    if (component.empty()) break;
    const bool last = only_slashes(rest);
    const Kind kind = last ? how.kind : Kind::directory;
    const size_t parent_size = prefix.size();
    if (!prefix.empty()) prefix << '/';
    prefix << component;
    sys::Fd next{open_resolved(how.root, prefix.view(), O_PATH, how.resolve)};
    if (next.error() == ENOENT) {
      const Path name{component};
      const int made = make(parent.get(), name.c_str(), kind, how.mode);
      if (made == -EEXIST) {
        Path target;
        char link[keeper::path_bytes_max];
        const long size = sys::readlinkat(parent.get(), name.c_str(), link, sizeof(link));
        if (size <= 0) return size == 0 ? -ENOENT : static_cast<int>(size);
        const std::string_view said{link, static_cast<size_t>(size)};
        if (said.front() != '/') target << prefix.view().substr(0, parent_size) << '/';
        target << said << '/' << rest;
        if (target.overflowed()) return -ENAMETOOLONG;
        path.clear();
        path << target.view();
        return 1;
      }
      if (made < 0) return made;
      next.reset(open_resolved(parent.get(), component, O_PATH | O_NOFOLLOW, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS));
    }
    if (!next.ok()) return -next.error();
    parent = static_cast<sys::Fd&&>(next);
  }
  result = parent.release();
  return 0;
}

int ensure(const Creation& how, std::string_view path) {
  Path current{path};
  if (current.overflowed()) return -ENAMETOOLONG;
  for (int links = 0; links < links_max; ++links) {
    int result = -1;
    const int state = walk(how, current, result);
    if (state == 0) return result;
    if (state < 0) return state;
  }
  return -ELOOP;
}

}  // namespace

int open_in_root(int root, std::string_view path, uint64_t flags) { return open_resolved(root, path, flags, inside); }

int open_in_root_strictly(int root, std::string_view path, uint64_t flags) {
  return open_resolved(root, path, flags, inside | RESOLVE_NO_SYMLINKS);
}

int open_beneath(int base, std::string_view path, uint64_t flags) {
  return open_resolved(base, path, flags, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
}

int ensure_in_root(int root, std::string_view path, Kind kind, int mode) {
  return ensure({root, inside, kind, mode}, path);
}

int ensure_beneath(int base, std::string_view path, int mode) {
  return ensure({base, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS, Kind::directory, mode}, path);
}

}  // namespace kring::mounts
