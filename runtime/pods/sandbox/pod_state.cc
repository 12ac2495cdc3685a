#include "runtime/pods/sandbox/pod_state.h"

#include <charconv>

#include "runtime/pods/mounts/host.h"

namespace kring::sandbox {

namespace {

constexpr size_t termination_message_bytes_max = 4096;  // as Kubernetes

std::string_view text_of(const std::vector<uint8_t>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
keeper::Bytes bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

PodState::PodState(Env& env, const std::string& pods_directory, const PodConfig& config, std::string cgroup)
    : uid(config.uid),
      ns(config.ns),
      name(config.name),
      hostname(config.hostname),
      group(std::move(cgroup)),
      state_directory(pods_directory + "/" + config.uid + "/keeper"),
      changed(env) {}

Result<std::shared_ptr<PodState>> PodState::load(Env& env, const std::string& pods_directory, const std::string& uid) {
  const std::string path = pods_directory + "/" + uid + "/keeper/pod";
  KRING_TRY(const std::string content, mounts::read_small_file(path, keeper::spec_bytes_max));
  std::vector<uint8_t> arena(keeper::arena_bytes(content.size()));
  keeper::PodSpec spec;
  if (!keeper::decode(bytes_of(content), arena, spec) || spec.uid != uid) {
    return Error{Reason::corrupt, path + " cannot be read"};
  }
  PodConfig config;
  config.uid = spec.uid;
  config.ns = spec.ns;
  config.name = spec.name;
  config.hostname = spec.hostname;
  return std::make_shared<PodState>(env, pods_directory, config, std::string{spec.group});
}

Result<void> PodState::save(const std::vector<uint8_t>& spec) const {
  KRING_TRY_VOID(mounts::make_directories(state_directory));
  return mounts::write_small_file(state_directory + "/pod", text_of(spec));
}

void PodState::load_records() {
  const auto names = mounts::list_directories(state_directory);
  if (names.has_error()) return;
  for (const auto& directory : *names) {
    auto content = mounts::read_small_file(state_directory + "/" + directory + "/record", 64 * 1024);
    keeper::Record record;
    if (content.has_value() && keeper::decode(bytes_of(*content), record)) update(record);
  }
}

ContainerRecord PodState::describe(const keeper::Record& said) const {
  const bool active = said.phase == keeper::Phase::starting || said.phase == keeper::Phase::running;
  ContainerRecord record;
  record.pod_uid = uid;
  record.name = said.name;
  record.attempt = said.attempt;
  record.running = said.phase == keeper::Phase::running;
  record.pid = active ? said.pid : 0;
  record.started_at = Wall{said.started_ns};
  record.finished_at = Wall{said.finished_ns};
  record.exit_code = said.exit_code;
  record.signal = said.signal;
  record.oom_killed = said.oom_killed != 0;
  record.start_error = said.start_error;
  if (!active) record.termination_message = termination_message(record.name, record.attempt);
  return record;
}

void PodState::update(const keeper::Record& said) {
  Container& container = containers_[{std::string{said.name}, said.attempt}];
  if (container.ended) return;
  container.active = said.phase == keeper::Phase::starting || said.phase == keeper::Phase::running;
  container.ended = !container.active;
  container.record = describe(said);
}

void PodState::expect(const ContainerConfig& config) {
  Container& container = containers_[{config.name, config.attempt}];
  container.active = true;
  container.record.pod_uid = uid;
  container.record.name = config.name;
  container.record.attempt = config.attempt;
}

void PodState::forget(const std::string& container, uint32_t attempt) { containers_.erase({container, attempt}); }

void PodState::end_all(Wall now) {
  for (auto& [key, container] : containers_) {
    if (!container.active) continue;
    container.active = false;
    container.ended = true;
    container.record.running = false;
    container.record.pid = 0;
    container.record.exit_code = 137;
    container.record.signal = 9;
    container.record.finished_at = now;
    container.record.termination_message = termination_message(key.first, key.second);
  }
}

PodRecord PodState::record() const {
  PodRecord out{.uid = uid, .ns = ns, .name = name, .keeper_pid = keeper_pid};
  for (const auto& [key, container] : containers_) out.containers.push_back(container.record);
  return out;
}

std::vector<ContainerRecord> PodState::ended() const {
  std::vector<ContainerRecord> out;
  for (const auto& [key, container] : containers_) {
    if (!container.active && container.record.start_error.empty()) out.push_back(container.record);
  }
  return out;
}

std::vector<std::string> PodState::running() const {
  std::vector<std::string> out;
  for (const auto& [key, container] : containers_) {
    if (container.active) out.push_back(key.first);
  }
  return out;
}

std::optional<uint32_t> PodState::running_attempt(const std::string& container) const {
  for (const auto& [key, value] : containers_) {
    if (value.active && key.first == container) return key.second;
  }
  return std::nullopt;
}

std::string PodState::container_directory(const std::string& container, uint32_t attempt) const {
  return state_directory + "/" + container + "." + std::to_string(attempt);
}

std::string PodState::termination_message(const std::string& container, uint32_t attempt) const {
  auto text = mounts::read_small_file(container_directory(container, attempt) + "/termination-log",
                                      termination_message_bytes_max);
  return text.has_value() ? std::move(*text) : std::string{};
}

}  // namespace kring::sandbox
