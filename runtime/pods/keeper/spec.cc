#include "runtime/pods/keeper/spec.h"

namespace kring::keeper {

namespace {

template <class V, class S>
void fields_of_pod(V& v, S& s) {
  v.text(s.uid, name_bytes_max);
  v.text(s.ns, name_bytes_max);
  v.text(s.name, name_bytes_max);
  v.text(s.hostname, name_bytes_max);
  v.number(s.flags);
  v.text(s.state_directory, path_text_max);
  v.list(s.sysctls, 256, 4096);
  v.list(s.cgroup_procs, 32, path_text_max);
  v.text(s.group, path_text_max);
}

struct MountFields {
  template <class V, class S>
  void operator()(V& v, S& s) const {
    v.text(s.source, path_text_max);
    v.text(s.base, path_text_max);
    v.text(s.target, path_text_max);
    v.number(s.flags);
    v.number(s.tmpfs_bytes);
  }
};

struct NumberField {
  template <class V, class S>
  void operator()(V& v, S& s) const {
    v.number(s);
  }
};

template <class V, class S>
void fields_of_container(V& v, S& s) {
  v.text(s.name, name_bytes_max);
  v.number(s.attempt);
  v.number(s.flags);
  v.list(s.layers, layers_max, path_text_max);
  v.text(s.hidden, path_text_max);
  v.list(s.args, args_max, text_bytes_max);
  v.list(s.env, args_max, text_bytes_max);
  v.text(s.working_directory, path_text_max);
  v.number(s.user);
  v.number(s.group);
  v.text(s.image_user, 1024);
  v.each(s.groups, groups_max, NumberField{});
  v.number(s.capabilities);
  v.bytes(s.seccomp, 4096 * 8);  // BPF_MAXINSNS instructions
  v.number(s.oom_score_adjust);
  v.each(s.mounts, mounts_max, MountFields{});
  v.text(s.termination_path, path_text_max);
  v.text(s.log_path, path_text_max);
  v.number(s.log_bytes_max);
  v.number(s.log_files_max);
  v.list(s.cgroup_procs, 32, path_text_max);
  v.list(s.cgroup_controllers, 32, 256);
  v.text(s.cgroup_kill, path_text_max);
  v.text(s.cgroup_oom, path_text_max);
}

template <class V, class S>
void fields_of_exec(V& v, S& s) {
  v.text(s.container, name_bytes_max);
  v.list(s.args, args_max, text_bytes_max);
  v.number(s.terminal);
}

template <class V, class S>
void fields_of_record(V& v, S& s) {
  v.text(s.name, name_bytes_max);
  v.number(s.attempt);
  v.number(s.phase);
  v.number(s.pid);
  v.number(s.started_ns);
  v.number(s.finished_ns);
  v.number(s.exit_code);
  v.number(s.signal);
  v.number(s.oom_killed);
  v.text(s.start_error, start_error_bytes_max);
}

template <class F>
size_t encode_with(std::span<uint8_t> out, F fields) {
  Encoder encoder{out};
  encoder.number(spec_version);
  fields(encoder);
  return encoder.ok() ? encoder.size() : 0;
}

template <class F>
bool decode_with(Bytes in, std::span<uint8_t> arena, F fields) {
  Decoder decoder{in, arena};
  uint64_t version = 0;
  decoder.number(version);
  if (!decoder.ok() || version != spec_version) return false;
  fields(decoder);
  return decoder.done();
}

}  // namespace

size_t encode(const PodSpec& spec, std::span<uint8_t> out) {
  return encode_with(out, [&](Encoder& e) { fields_of_pod(e, spec); });
}
size_t encode(const ContainerSpec& spec, std::span<uint8_t> out) {
  return encode_with(out, [&](Encoder& e) { fields_of_container(e, spec); });
}
size_t encode(const ExecSpec& spec, std::span<uint8_t> out) {
  return encode_with(out, [&](Encoder& e) { fields_of_exec(e, spec); });
}
size_t encode(const Record& record, std::span<uint8_t> out) {
  return encode_with(out, [&](Encoder& e) { fields_of_record(e, record); });
}

bool decode(Bytes in, std::span<uint8_t> arena, PodSpec& out) {
  return decode_with(in, arena, [&](Decoder& d) { fields_of_pod(d, out); }) && safe_component(out.uid);
}
bool decode(Bytes in, std::span<uint8_t> arena, ContainerSpec& out) {
  return decode_with(in, arena, [&](Decoder& d) { fields_of_container(d, out); }) && safe_component(out.name) &&
         !out.args.empty() && out.seccomp.size() % 8 == 0;
}
bool decode(Bytes in, std::span<uint8_t> arena, ExecSpec& out) {
  return decode_with(in, arena, [&](Decoder& d) { fields_of_exec(d, out); }) && safe_component(out.container) &&
         !out.args.empty();
}
bool decode(Bytes in, Record& out) {
  return decode_with(in, {}, [&](Decoder& d) { fields_of_record(d, out); }) && safe_component(out.name) &&
         out.phase <= Phase::exited;
}

bool safe_component(std::string_view name) {
  if (name.empty() || name.size() > name_bytes_max || name[0] == '.') return false;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.') return false;
  }
  return true;
}

}  // namespace kring::keeper
