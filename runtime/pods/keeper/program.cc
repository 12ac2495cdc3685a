#include "runtime/pods/keeper/program.h"

#include <errno.h>
#include <sys/mman.h>

#include "runtime/pods/keeper/sys.h"

namespace kring::keeper {

namespace {

// 0 when `path` is a file somebody may execute; as Go's exec.LookPath judges it.
int executable(const char* path) {
  struct stat about {};
  if (const int found = sys::fstatat(AT_FDCWD, path, &about, 0); found < 0) return -found;
  if (S_ISDIR(about.st_mode)) return EISDIR;
  return (about.st_mode & 0111) != 0 ? 0 : EACCES;
}

bool refuse(std::string_view name, std::string_view why, Fault& fault) {
  fault.text().clear();
  fault.text() << "exec: ";
  fault.text().quoted(name) << ": " << why;
  return false;
}

std::string_view variable(TextList env, std::string_view name) {
  std::string_view value;
  for (const auto& entry : env) {
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=') {
      value = entry.substr(name.size() + 1);
    }
  }
  return value;
}

}  // namespace

bool look_up(std::string_view name, std::string_view path, Path& out, Fault& fault) {
  out.clear();
  if (name.empty()) return refuse(name, "executable file not found in $PATH", fault);
  if (name.find('/') != std::string_view::npos) {
    out << name;
    const int problem = out.overflowed() ? ENAMETOOLONG : executable(out.c_str());
    if (problem == 0) return true;
    if (problem == EACCES || problem == EISDIR) return refuse(name, error_text(problem), fault);
    refuse(name, "stat ", fault);
    fault.text() << name << ": " << error_text(problem);
    return false;
  }
  while (true) {
    const size_t end = path.find(':');
    out.clear();
    if (path.substr(0, end).starts_with('/')) {  // an entry relative to the current directory is not searched
      out << path.substr(0, end) << '/' << name;
      if (!out.overflowed() && executable(out.c_str()) == 0) return true;
    }
    if (end == std::string_view::npos) break;
    path.remove_prefix(end + 1);
  }
  return refuse(name, "executable file not found in $PATH", fault);
}

void execute(TextList args, TextList env, std::string_view home, Fault& fault) {
  const bool has_path = !variable(env, "PATH").empty(), has_home = !variable(env, "HOME").empty();
  Path file;
  if (!look_up(args[0], has_path ? variable(env, "PATH") : default_path, file, fault)) return;
  const size_t pointers = args.size() + 1 + env.size() + 3;
  auto** memory = static_cast<const char**>(
      sys::mmap(pointers * sizeof(char*), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1));
  if (memory == nullptr) {
    fault.set(ENOMEM, "exec", file.view());
    return;
  }
  const char** argv = memory;
  const char** envp = memory + args.size() + 1;
  for (size_t i = 0; i < args.size(); ++i) argv[i] = args[i].data();
  size_t count = 0;
  for (const auto& entry : env) envp[count++] = entry.data();
  Text<128> path_entry;
  Text<1100> home_entry;
  path_entry << "PATH=" << default_path;
  home_entry << "HOME=" << home;
  if (!has_path) envp[count++] = path_entry.c_str();
  if (!has_home) envp[count++] = home_entry.c_str();
  const long failed = sys::call(SYS_execve, sys::raw(file.c_str()), sys::raw(argv), sys::raw(envp));
  fault.set(static_cast<int>(-failed), "exec", file.view());
}

}  // namespace kring::keeper
