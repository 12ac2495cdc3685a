// System call filters, judged by running their BPF programs on call after call (no process needed).
#include "runtime/pods/sandbox/seccomp.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cstring>

#include "runtime/pods/sandbox/capabilities.h"
#include "tests/runtime/pods/node.h"

namespace kring::sandbox {
namespace {

#if defined(__x86_64__)
constexpr uint32_t native = AUDIT_ARCH_X86_64;
#else
constexpr uint32_t native = AUDIT_ARCH_AARCH64;
#endif

uint32_t jump(uint32_t a, const sock_filter& i, uint32_t x) {
  const uint32_t k = BPF_SRC(i.code) == BPF_K ? i.k : x;
  bool taken = false;
  switch (BPF_OP(i.code)) {
    case BPF_JEQ: taken = a == k; break;
    case BPF_JGT: taken = a > k; break;
    case BPF_JGE: taken = a >= k; break;
    case BPF_JSET: taken = (a & k) != 0; break;
    default: ADD_FAILURE() << "jump " << i.code;
  }
  return taken ? i.jt : i.jf;
}

// A classic BPF machine with what seccomp programs use. Documentation/networking/filter.rst.
uint32_t verdict(const std::vector<uint8_t>& bytes, const seccomp_data& data) {
  std::vector<sock_filter> program(bytes.size() / sizeof(sock_filter));
  std::memcpy(program.data(), bytes.data(), bytes.size());
  uint32_t a = 0, x = 0, memory[16] = {};
  for (size_t pc = 0; pc < program.size(); ++pc) {
    const sock_filter& i = program[pc];
    switch (BPF_CLASS(i.code)) {
      case BPF_LD:
        if (BPF_MODE(i.code) == BPF_ABS) std::memcpy(&a, reinterpret_cast<const char*>(&data) + i.k, 4);
        if (BPF_MODE(i.code) == BPF_IMM) a = i.k;
        if (BPF_MODE(i.code) == BPF_MEM) a = memory[i.k & 15];
        break;
      case BPF_ST: memory[i.k & 15] = a; break;
      case BPF_ALU:
        if (BPF_OP(i.code) == BPF_AND) a &= i.k;
        break;
      case BPF_JMP: pc += BPF_OP(i.code) == BPF_JA ? i.k : jump(a, i, x); break;
      case BPF_RET: return i.k;
      default: ADD_FAILURE() << "instruction " << i.code; return 0;
    }
  }
  ADD_FAILURE() << "the program does not return";
  return 0;
}

uint32_t call(const std::vector<uint8_t>& program, int number, std::initializer_list<uint64_t> args = {},
              uint32_t architecture = native) {
  seccomp_data data{.nr = number, .arch = architecture};
  size_t i = 0;
  for (const uint64_t arg : args) data.args[i++] = arg;
  return verdict(program, data);
}

constexpr uint32_t allow = SECCOMP_RET_ALLOW, eperm = SECCOMP_RET_ERRNO | EPERM, enosys = SECCOMP_RET_ERRNO | ENOSYS;

std::vector<uint8_t> filter(uint64_t capabilities) {
  auto program = default_profile(capabilities);
  EXPECT_TRUE(program.has_value());
  return program.has_value() ? *program : std::vector<uint8_t>{};
}

TEST(Seccomp, TheDefaultProfileRefusesWhatReachesTheKernel) {
  // S13: io_uring, modules, keys, mounts, namespaces, foreign ABIs.
  const auto program = filter(default_capabilities);
  const int refused[] = {SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, SYS_kexec_load,
                         SYS_kexec_file_load, SYS_init_module,  SYS_finit_module,      SYS_delete_module,
                         SYS_add_key,        SYS_request_key,   SYS_keyctl,            SYS_bpf,
                         SYS_perf_event_open, SYS_userfaultfd,  SYS_mount,             SYS_umount2,
                         SYS_pivot_root,     SYS_swapon,        SYS_swapoff,           SYS_reboot,
                         SYS_setns,          SYS_unshare,       SYS_open_tree,         SYS_move_mount,
                         SYS_fsopen,         SYS_fsmount,       SYS_fsconfig,          SYS_mount_setattr,
                         SYS_open_by_handle_at, SYS_acct,       SYS_quotactl,          SYS_sethostname,
                         SYS_settimeofday,   SYS_clock_settime, SYS_syslog,            SYS_vhangup,
                         SYS_nfsservctl,     SYS_move_pages,    SYS_kcmp,              SYS_pidfd_getfd};
  for (const int number : refused) EXPECT_EQ(call(program, number), eperm) << number;
}

TEST(Seccomp, TheDefaultProfileAllowsWhatProgramsUse) {
  const auto program = filter(default_capabilities);
  const int allowed[] = {SYS_read,   SYS_write,  SYS_openat,  SYS_openat2, SYS_execve,      SYS_exit_group, SYS_futex,
                         SYS_mmap,   SYS_ptrace, SYS_prctl,   SYS_capset,  SYS_setresuid,   SYS_setgroups,  SYS_rseq,
                         SYS_chroot, SYS_mknodat, SYS_getrandom, SYS_memfd_create, SYS_epoll_pwait2, SYS_close_range,
                         SYS_seccomp, SYS_landlock_restrict_self, 439 /* faccessat2 */, 452 /* fchmodat2 */};
  for (const int number : allowed) EXPECT_EQ(call(program, number), allow) << number;
  EXPECT_EQ(call(program, SYS_socket, {AF_INET, SOCK_STREAM, 0}), allow);
  EXPECT_EQ(call(program, SYS_socket, {AF_UNIX, SOCK_STREAM, 0}), allow);
  EXPECT_EQ(call(program, SYS_socket, {AF_NETLINK, SOCK_RAW, 0}), allow);
  EXPECT_EQ(call(program, SYS_socket, {AF_VSOCK, SOCK_STREAM, 0}), eperm);
  EXPECT_EQ(call(program, SYS_personality, {0xffffffff}), allow);
  EXPECT_EQ(call(program, SYS_personality, {0x0040000 /* ADDR_NO_RANDOMIZE */}), eperm);
}

TEST(Seccomp, NewNamespacesNeedTheCapability) {
  const auto program = filter(default_capabilities);
  EXPECT_EQ(call(program, SYS_clone, {SIGCHLD}), allow);
  EXPECT_EQ(call(program, SYS_clone, {CLONE_VM | CLONE_THREAD | CLONE_SIGHAND}), allow);
  for (const uint64_t flag : {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWIPC, CLONE_NEWUTS,
                              CLONE_NEWCGROUP}) {
    EXPECT_EQ(call(program, SYS_clone, {flag | SIGCHLD}), eperm) << flag;
  }
  EXPECT_EQ(call(program, SYS_clone3), enosys) << "so that libc falls back to clone";
  const auto admin = filter(default_capabilities | uint64_t{1} << CAP_SYS_ADMIN);
  for (const int number : {SYS_mount, SYS_unshare, SYS_setns, SYS_clone3, SYS_bpf}) {
    EXPECT_EQ(call(admin, number), allow) << number;
  }
  EXPECT_EQ(call(admin, SYS_clone, {CLONE_NEWUSER}), allow);
  EXPECT_EQ(call(admin, SYS_io_uring_setup), eperm) << "io_uring stays refused";
}

TEST(Seccomp, OtherAbisOfTheMachineAreRefusedAsAWhole) {
  // S13: x32 and 32-bit calls, which have numbers of their own.
  const auto program = filter(all_capabilities);
  for (const uint32_t architecture : {uint32_t{AUDIT_ARCH_I386}, uint32_t{AUDIT_ARCH_ARM}, uint32_t{AUDIT_ARCH_MIPS}}) {
    for (int number = 0; number < 400; ++number) EXPECT_EQ(call(program, number, {}, architecture), enosys);
  }
  constexpr int x32_bit = 0x40000000;
  for (int number = 0; number < 600; ++number) EXPECT_EQ(call(program, x32_bit | number), enosys);
}

TEST(Seccomp, CallsNewerThanTheProfileDoNotExist) {
  const auto program = filter(default_capabilities);
  for (const int number : {467, 500, 1000, -1}) EXPECT_EQ(call(program, number), enosys);
}

TEST(Seccomp, ALocalhostProfileIsCompiledAndABadOneIsAnError) {
  // S13 (CVE-2023-2431): an empty or missing profile never means unconfined.
  const auto program = compile_profile(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
      {"names": ["mkdir", "mkdirat", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13},
      {"names": ["socket"], "action": "SCMP_ACT_KILL_PROCESS", "args": [{"index": 0, "value": 16, "op": "SCMP_CMP_EQ"}]}]})");
  ASSERT_TRUE(program.has_value()) << program.error().message;
  EXPECT_EQ(call(*program, SYS_mkdirat), SECCOMP_RET_ERRNO | EACCES);
  EXPECT_EQ(call(*program, SYS_read), allow);
  EXPECT_EQ(call(*program, SYS_socket, {AF_NETLINK}), static_cast<uint32_t>(SECCOMP_RET_KILL_PROCESS));
  EXPECT_EQ(call(*program, SYS_socket, {AF_INET}), allow);
  for (const char* bad : {"", "{}", "[]", "null", "{\"defaultAction\": \"\"}", "{\"defaultAction\": \"SCMP_ACT_X\"}",
                          R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"action": "SCMP_ACT_ERRNO"}]})",
                          R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "x"}]})"}) {
    EXPECT_TRUE(compile_profile(bad).has_error()) << bad;
  }
  FilterCache cache;
  SecurityConfig security{.seccomp = SecurityConfig::Seccomp::localhost};
  EXPECT_TRUE(seccomp_program(security, cache).has_error());
  security.seccomp_profile_path = "/no/such/profile";
  EXPECT_TRUE(seccomp_program(security, cache).has_error());
  security.privileged = true;
  EXPECT_TRUE(seccomp_program(security, cache)->empty());
}

TEST(Capabilities, AddAndDropFollowContainerd) {
  const auto set = [](std::vector<std::string> add, std::vector<std::string> drop) {
    SecurityConfig security{.add_capabilities = std::move(add), .drop_capabilities = std::move(drop)};
    return capability_set(security).value();
  };
  EXPECT_EQ(set({}, {}), default_capabilities);
  EXPECT_EQ(set({"SYS_TIME"}, {}), default_capabilities | uint64_t{1} << CAP_SYS_TIME);
  EXPECT_EQ(set({"CAP_sys_time"}, {"all"}), uint64_t{1} << CAP_SYS_TIME);
  EXPECT_EQ(set({"ALL"}, {"NET_RAW"}), all_capabilities & ~(uint64_t{1} << CAP_NET_RAW));
  EXPECT_EQ(set({}, {"ALL"}), 0u);
  SecurityConfig unknown{.add_capabilities = {"FLY"}};
  EXPECT_EQ(capability_set(unknown).error().message, "unknown capability \"CAP_FLY\"");
}

}  // namespace
}  // namespace kring::sandbox
