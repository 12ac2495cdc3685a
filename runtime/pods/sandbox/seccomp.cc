#include "runtime/pods/sandbox/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstring>
#include <memory>

#include "objects/json.h"
#include "runtime/pods/keeper/sys.h"
#include "runtime/pods/mounts/host.h"
#include "runtime/pods/sandbox/capabilities.h"
#include "runtime/pods/sandbox/seccomp_names.h"

namespace kring::sandbox {

namespace {

constexpr size_t profile_bytes_max = 1 << 20;
constexpr size_t filters_max = 64;
constexpr uint64_t new_namespaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
                                    CLONE_NEWNET | CLONE_NEWCGROUP;

struct Release {
  void operator()(void* context) const { seccomp_release(context); }
};
using Context = std::unique_ptr<void, Release>;

Result<Context> new_filter(uint32_t default_action) {
  Context context{seccomp_init(default_action)};
  if (context == nullptr) return Error{Reason::internal_error, "make seccomp filter"};
  // The other ABIs of the machine do not exist for the container.
  seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
  seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a binary tree instead of a list
  return context;
}

// Rules for a call that this architecture does not have are left out.
Result<void> add_rule(const Context& context, uint32_t action, std::string_view name,
                      const std::vector<scmp_arg_cmp>& conditions) {
  int number = seccomp_syscall_resolve_name(std::string{name}.c_str());
  for (const auto& call : allowed_new_calls) {
    if (call.name == name) number = call.number;
  }
  if (number < 0) return {};
  const int added = seccomp_rule_add_array(context.get(), action, number, static_cast<unsigned>(conditions.size()),
                                           conditions.data());
  // EACCES: the rule says what the default action says already.
  if (added < 0 && added != -EACCES && added != -EEXIST)
    return io_error("seccomp rule for " + std::string{name}, -added);
  return {};
}

// The finished program: first what libseccomp cannot say (unknown new calls get ENOSYS), then its filter.
Result<std::vector<uint8_t>> finish(const Context& context, bool unknown_as_enosys) {
  const sys::Fd memory{static_cast<int>(sys::call(SYS_memfd_create, sys::raw("seccomp"), MFD_CLOEXEC))};
  if (!memory.ok()) return io_error("make memory file", memory.error());
  const int exported = seccomp_export_bpf(context.get(), memory.get());
  if (exported < 0) return io_error("export seccomp filter", -exported);
  const sock_filter head[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, newest_call, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
  };
  const size_t before = unknown_as_enosys ? sizeof(head) : 0;
  const int64_t size = sys::lseek(memory.get(), 0, SEEK_END);
  sys::lseek(memory.get(), 0, SEEK_SET);
  std::vector<uint8_t> program(before + static_cast<size_t>(size));
  if (before > 0) std::memcpy(program.data(), head, before);
  size_t at = before;
  while (at < program.size()) {
    const long n = sys::read(memory.get(), program.data() + at, program.size() - at);
    if (n <= 0) return Error{Reason::internal_error, "read seccomp filter"};
    at += static_cast<size_t>(n);
  }
  if (program.size() / sizeof(sock_filter) > BPF_MAXINSNS) {
    return Error{Reason::invalid, "the seccomp profile is too large for the kernel"};
  }
  return program;
}

constexpr bool has(uint64_t capabilities, int capability) { return (capabilities >> capability & 1) != 0; }

Result<uint32_t> action_of(std::string_view name, int64_t errno_value) {
  static constexpr std::pair<std::string_view, uint32_t> actions[] = {
      {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},        {"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
      {"SCMP_ACT_LOG", SCMP_ACT_LOG},            {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
      {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},          {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
  };
  if (name == "SCMP_ACT_ERRNO") return SCMP_ACT_ERRNO(static_cast<uint16_t>(errno_value));
  for (const auto& [known, action] : actions) {
    if (known == name) return action;
  }
  return Error{Reason::invalid, "seccomp profile: unknown action \"" + std::string{name} + "\""};
}

Result<scmp_compare> operator_of(std::string_view name) {
  static constexpr std::pair<std::string_view, scmp_compare> operators[] = {
      {"SCMP_CMP_NE", SCMP_CMP_NE}, {"SCMP_CMP_LT", SCMP_CMP_LT}, {"SCMP_CMP_LE", SCMP_CMP_LE},
      {"SCMP_CMP_EQ", SCMP_CMP_EQ}, {"SCMP_CMP_GE", SCMP_CMP_GE}, {"SCMP_CMP_GT", SCMP_CMP_GT},
      {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
  };
  for (const auto& [known, op] : operators) {
    if (known == name) return op;
  }
  return Error{Reason::invalid, "seccomp profile: unknown operator \"" + std::string{name} + "\""};
}

Result<std::vector<scmp_arg_cmp>> conditions_of(const json::Value& rule) {
  std::vector<scmp_arg_cmp> conditions;
  const json::Value* args = rule.find("args");
  if (args == nullptr || !args->is_array()) return conditions;
  for (const auto& arg : args->as_array()) {
    KRING_TRY(const scmp_compare op, operator_of(arg.string_or("op")));
    const int64_t index = arg.int_or("index", -1);
    if (index < 0 || index > 5) return Error{Reason::invalid, "seccomp profile: args.index must be 0 to 5"};
    conditions.push_back({static_cast<unsigned>(index), op, static_cast<uint64_t>(arg.int_or("value", 0)),
                          static_cast<uint64_t>(arg.int_or("valueTwo", 0))});
  }
  return conditions;
}

Result<void> add_profile_rule(const Context& context, const json::Value& rule) {
  KRING_TRY(const uint32_t action, action_of(rule.string_or("action"), rule.int_or("errnoRet", EPERM)));
  KRING_TRY(const std::vector<scmp_arg_cmp> conditions, conditions_of(rule));
  std::vector<std::string> names;
  if (const json::Value* list = rule.find("names"); list != nullptr && list->is_array()) {
    for (const auto& name : list->as_array()) {
      if (name.is_string()) names.push_back(name.as_string());
    }
  }
  if (const auto name = rule.string_or("name"); !name.empty()) names.emplace_back(name);
  if (names.empty()) return Error{Reason::invalid, "seccomp profile: a rule names no system call"};
  // libseccomp takes one condition an argument in a rule; the same argument twice means either of them (as runc).
  std::map<unsigned, int> uses;
  bool repeated = false;
  for (const auto& condition : conditions) repeated = repeated || ++uses[condition.arg] > 1;
  for (const auto& name : names) {
    if (!repeated) {
      KRING_TRY_VOID(add_rule(context, action, name, conditions));
      continue;
    }
    for (const auto& condition : conditions) {
      KRING_TRY_VOID(add_rule(context, action, name, {condition}));
    }
  }
  return {};
}

}  // namespace

Result<std::vector<uint8_t>> default_profile(uint64_t capabilities) {
  KRING_TRY(const Context context, new_filter(SCMP_ACT_ERRNO(EPERM)));
  for (const auto name : allowed_calls) {
    KRING_TRY_VOID(add_rule(context, SCMP_ACT_ALLOW, name, {}));
  }
  for (const auto& call : allowed_new_calls) {
    KRING_TRY_VOID(add_rule(context, SCMP_ACT_ALLOW, call.name, {}));
  }
  for (const auto& [capability, calls] : capability_calls) {
    if (!has(capabilities, capability)) continue;
    for (const auto name : calls) {
      if (!name.empty()) KRING_TRY_VOID(add_rule(context, SCMP_ACT_ALLOW, name, {}));
    }
  }
  // AF_VSOCK reaches the hypervisor past every network namespace.
  KRING_TRY_VOID(add_rule(context, SCMP_ACT_ALLOW, "socket", {SCMP_A0_64(SCMP_CMP_NE, AF_VSOCK, 0)}));
  for (const uint64_t persona : {uint64_t{PER_LINUX}, uint64_t{PER_LINUX32}, uint64_t{UNAME26},
                                 uint64_t{PER_LINUX32} | uint64_t{UNAME26}, uint64_t{0xffffffff}}) {
    KRING_TRY_VOID(add_rule(context, SCMP_ACT_ALLOW, "personality", {SCMP_A0_64(SCMP_CMP_EQ, persona, 0)}));
  }
  if (!has(capabilities, CAP_SYS_ADMIN)) {
    KRING_TRY_VOID(
        add_rule(context, SCMP_ACT_ALLOW, "clone", {SCMP_A0_64(SCMP_CMP_MASKED_EQ, new_namespaces, 0)}));
    // Its flags are in memory, where a filter cannot look; libc falls back to clone.
    KRING_TRY_VOID(add_rule(context, SCMP_ACT_ERRNO(ENOSYS), "clone3", {}));
  }
  return finish(context, true);
}

Result<std::vector<uint8_t>> compile_profile(std::string_view text) {
  KRING_TRY(const json::Parsed parsed, json::parse(text));
  const json::Value& profile = parsed.value;
  if (!profile.is_object() || !profile.as_object().contains("defaultAction")) {
    return Error{Reason::invalid, "seccomp profile: no defaultAction"};
  }
  KRING_TRY(const uint32_t by_default,
            action_of(profile.string_or("defaultAction"), profile.int_or("defaultErrnoRet", EPERM)));
  KRING_TRY(const Context context, new_filter(by_default));
  const json::Value* rules = profile.find("syscalls");
  if (rules != nullptr && rules->is_array()) {
    for (const auto& rule : rules->as_array()) {
      KRING_TRY_VOID(add_profile_rule(context, rule));
    }
  }
  return finish(context, false);
}

Result<std::vector<uint8_t>> seccomp_program(const SecurityConfig& security, FilterCache& cache) {
  using Seccomp = SecurityConfig::Seccomp;
  if (security.privileged || security.seccomp == Seccomp::unconfined) return std::vector<uint8_t>{};
  if (security.seccomp == Seccomp::runtime_default) {
    KRING_TRY(const uint64_t capabilities, capability_set(security));
    if (const auto known = cache.find(capabilities); known != cache.end()) return known->second;
    KRING_TRY(std::vector<uint8_t> program, default_profile(capabilities));
    if (cache.size() < filters_max) cache[capabilities] = program;
    return program;
  }
  if (security.seccomp_profile_path.empty()) {
    return Error{Reason::invalid, "localhostProfile must be set if seccompProfile type is Localhost."};
  }
  auto text = mounts::read_small_file(security.seccomp_profile_path, profile_bytes_max);
  if (text.has_error()) {
    return Error{Reason::invalid, "cannot load seccomp profile \"" + security.seccomp_profile_path +
                                      "\": " + text.error().message};
  }
  return compile_profile(*text);
}

}  // namespace kring::sandbox
