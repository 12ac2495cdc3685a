#include "runtime/pods/cgroup/device_filter.h"

#include <errno.h>
#include <linux/bpf.h>

#include <cstring>
#include <vector>

#include "runtime/pods/cgroup/files.h"
#include "runtime/pods/keeper/sys.h"

namespace kring::cgroup {

namespace {

constexpr int any = -1;
struct Rule {
  int major, minor;  // character devices only
};
constexpr Rule allowed[] = {
    {1, 3},  {1, 5},    // null, zero
    {1, 7},             // full
    {1, 8},  {1, 9},    // random, urandom
    {5, 0},  {5, 2},    // tty, ptmx
    {136, any},         // pseudo-terminals
};

bpf_insn load(uint8_t to, int16_t offset) {  // u32 of the context in r1
  return {.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = to, .src_reg = BPF_REG_1, .off = offset, .imm = 0};
}
bpf_insn jump_unless(uint8_t reg, int32_t value, int16_t over) {
  return {.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = reg, .src_reg = 0, .off = over, .imm = value};
}
bpf_insn set(uint8_t reg, int32_t value) {
  return {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = reg, .src_reg = 0, .off = 0, .imm = value};
}
constexpr bpf_insn leave{.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0};

// r2 = type, r3 = major, r4 = minor; r0 = 1 allows.
std::vector<bpf_insn> program() {
  std::vector<bpf_insn> code{
      load(BPF_REG_2, offsetof(bpf_cgroup_dev_ctx, access_type)),
      {.code = BPF_ALU | BPF_AND | BPF_K, .dst_reg = BPF_REG_2, .src_reg = 0, .off = 0, .imm = 0xffff},
      load(BPF_REG_3, offsetof(bpf_cgroup_dev_ctx, major)),
      load(BPF_REG_4, offsetof(bpf_cgroup_dev_ctx, minor)),
      jump_unless(BPF_REG_2, BPF_DEVCG_DEV_CHAR, 0)};
  const size_t type_check = code.size() - 1;
  for (const Rule& rule : allowed) {
    const bool with_minor = rule.minor != any;
    code.push_back(jump_unless(BPF_REG_3, rule.major, with_minor ? 3 : 2));
    if (with_minor) code.push_back(jump_unless(BPF_REG_4, rule.minor, 2));
    code.push_back(set(BPF_REG_0, 1));
    code.push_back(leave);
  }
  code[type_check].off = static_cast<int16_t>(code.size() - type_check - 1);
  code.push_back(set(BPF_REG_0, 0));
  code.push_back(leave);
  return code;
}

}  // namespace

Result<void> attach_device_filter(const std::string& directory) {
  const std::vector<bpf_insn> code = program();
  bpf_attr load_attributes;
  std::memset(&load_attributes, 0, sizeof(load_attributes));
  load_attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  load_attributes.insns = reinterpret_cast<uint64_t>(code.data());
  load_attributes.insn_cnt = static_cast<uint32_t>(code.size());
  load_attributes.license = reinterpret_cast<uint64_t>("Apache-2.0");
  const sys::Fd loaded{static_cast<int>(
      sys::call(SYS_bpf, BPF_PROG_LOAD, sys::raw(&load_attributes), sizeof(load_attributes)))};
  if (!loaded.ok()) return io_error("load device filter", loaded.error());
  const sys::Fd group{sys::openat(AT_FDCWD, directory.c_str(), O_RDONLY | O_DIRECTORY)};
  if (!group.ok()) return io_error("open " + directory, group.error());
  bpf_attr attach_attributes;
  std::memset(&attach_attributes, 0, sizeof(attach_attributes));
  attach_attributes.target_fd = static_cast<uint32_t>(group.get());
  attach_attributes.attach_bpf_fd = static_cast<uint32_t>(loaded.get());
  attach_attributes.attach_type = BPF_CGROUP_DEVICE;
  attach_attributes.attach_flags = BPF_F_ALLOW_MULTI;
  const long attached =
      sys::call(SYS_bpf, BPF_PROG_ATTACH, sys::raw(&attach_attributes), sizeof(attach_attributes));
  if (attached < 0) return io_error("attach device filter", static_cast<int>(-attached));
  return {};
}

Result<void> write_device_list(const std::string& directory) {
  if (const int failed = write_file(directory + "/devices.deny", "a"); failed != 0) {
    return io_error("deny devices", failed);
  }
  for (const Rule& rule : allowed) {
    const std::string line = "c " + std::to_string(rule.major) + ":" +
                             (rule.minor == any ? std::string{"*"} : std::to_string(rule.minor)) + " rwm";
    if (const int failed = write_file(directory + "/devices.allow", line); failed != 0) {
      return io_error("allow device " + line, failed);
    }
  }
  return {};
}

}  // namespace kring::cgroup
