#include "runtime/pods/environment.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "objects/kinds.h"
#include "objects/schema/core_generated.h"
#include "runtime/client/flat.h"
#include "runtime/pods/pod_plan.h"

namespace kring::pods {

namespace {

// Go's %q for label and annotation values.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (byte < 0x20 || byte == 0x7f) {
      std::array<char, 8> hex{};
      std::snprintf(hex.data(), hex.size(), "\\x%02x", byte);
      out += hex.data();
    } else {
      out += c;
    }
  }
  return out + "\"";
}

using Map = flatbuffers::Vector<flatbuffers::Offset<meta::KeyValue>>;

std::string map_text(const Map* map) {
  std::string out;
  for (const auto* it : items(map)) {
    if (!out.empty()) out += "\n";
    out.append(view(it->key())).append("=").append(quoted(view(it->value())));
  }
  return out;
}

std::string joined(const std::vector<std::string>& list) {
  std::string out;
  for (const auto& it : list) out.append(out.empty() ? "" : ",").append(it);
  return out;
}

// The key of metadata.labels['key']; empty when the path is another one.
std::string_view subscript(std::string_view path, std::string_view base) {
  if (!path.starts_with(base)) return {};
  path.remove_prefix(base.size());
  if (!path.starts_with("['") || !path.ends_with("']") || path.size() < 4) return {};
  return path.substr(2, path.size() - 4);
}

bool valid_variable(std::string_view name) {
  if (name.empty() || name == "." || name.starts_with("..")) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c != '=' && c < 127; });
}

ObjectPtr source_of(const Sources& sources, const Kind& kind, const std::string& name) {
  auto found = sources.find({&kind, name});
  return found == sources.end() ? nullptr : found->second;
}

Error missing(const Kind& kind, std::string_view name) {
  std::string what = &kind == &kinds::secret() ? "secret" : "configmap";
  return Error{Reason::not_found, what + " \"" + std::string{name} + "\" not found"};
}

std::string bytes_text(const flatbuffers::Vector<uint8_t>* bytes) {
  if (bytes == nullptr) return {};
  return std::string{reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

// Builds the list: a later value of a name replaces the earlier one in place.
struct Builder {
  std::map<std::string, std::string> values;
  std::vector<std::string> order;

  void set(const std::string& name, std::string value) {
    if (!values.contains(name)) order.push_back(name);
    values[name] = std::move(value);
  }
};

Result<void> add_from(Builder& out, const core::EnvFromSource& from, const Sources& sources) {
  std::string prefix = text(from.prefix());
  auto add = [&](std::string_view key, std::string value) {
    std::string name = prefix + std::string{key};
    if (valid_variable(name)) out.set(name, std::move(value));
  };
  if (const auto* ref = from.config_map_ref()) {
    ObjectPtr object = source_of(sources, kinds::config_map(), text(ref->name()));
    if (object == nullptr) {
      if (ref->optional().value_or(false)) return {};
      return missing(kinds::config_map(), view(ref->name()));
    }
    for (const auto* it : items(object->as<core::ConfigMap>()->data())) add(view(it->key()), text(it->value()));
  }
  if (const auto* ref = from.secret_ref()) {
    ObjectPtr object = source_of(sources, kinds::secret(), text(ref->name()));
    if (object == nullptr) {
      if (ref->optional().value_or(false)) return {};
      return missing(kinds::secret(), view(ref->name()));
    }
    for (const auto* it : items(object->as<core::Secret>()->data())) add(view(it->key()), bytes_text(it->value()));
  }
  return {};
}

Error missing_key(std::string_view key, std::string_view what, const core::Pod& pod, std::string_view name) {
  return Error{Reason::not_found, "couldn't find key " + std::string{key} + " in " + std::string{what} + " " +
                                      text(pod.metadata()->namespace_()) + "/" + std::string{name}};
}

// nullopt: optional and absent, the variable is left out.
Result<std::optional<std::string>> config_map_value(const core::Pod& pod, const core::ConfigMapKeySelector& ref,
                                                    const Sources& sources) {
  bool optional = ref.optional().value_or(false);
  ObjectPtr object = source_of(sources, kinds::config_map(), text(ref.name()));
  if (object == nullptr) {
    if (optional) return std::optional<std::string>{};
    return missing(kinds::config_map(), view(ref.name()));
  }
  const auto* entry = entry_of(object->as<core::ConfigMap>()->data(), view(ref.key()));
  if (entry != nullptr) return std::optional<std::string>{text(entry->value())};
  if (optional) return std::optional<std::string>{};
  return missing_key(view(ref.key()), "ConfigMap", pod, view(ref.name()));
}

Result<std::optional<std::string>> secret_value(const core::Pod& pod, const core::SecretKeySelector& ref,
                                                const Sources& sources) {
  bool optional = ref.optional().value_or(false);
  ObjectPtr object = source_of(sources, kinds::secret(), text(ref.name()));
  if (object == nullptr) {
    if (optional) return std::optional<std::string>{};
    return missing(kinds::secret(), view(ref.name()));
  }
  const auto* entry = entry_of(object->as<core::Secret>()->data(), view(ref.key()));
  if (entry != nullptr) return std::optional<std::string>{bytes_text(entry->value())};
  if (optional) return std::optional<std::string>{};
  return missing_key(view(ref.key()), "Secret", pod, view(ref.name()));
}

Result<std::optional<std::string>> source_value(const core::Pod& pod, const core::Container& container,
                                                const core::EnvVarSource& from, const Sources& sources,
                                                const DownwardFacts& facts) {
  if (const auto* ref = from.field_ref()) {
    KRING_TRY(std::string value, field_value(pod, view(ref->field_path()), facts));
    return std::optional<std::string>{std::move(value)};
  }
  if (const auto* ref = from.resource_field_ref()) {
    const core::Container* of = &container;
    if (!view(ref->container_name()).empty()) of = find_container(pod, view(ref->container_name())).container;
    if (of == nullptr) return Error{Reason::invalid, "container " + text(ref->container_name()) + " not found"};
    KRING_TRY(std::string value, resource_field(*of, view(ref->resource()), view(ref->divisor()), facts.allocatable));
    return std::optional<std::string>{std::move(value)};
  }
  if (const auto* ref = from.config_map_key_ref()) return config_map_value(pod, *ref, sources);
  if (const auto* ref = from.secret_key_ref()) return secret_value(pod, *ref, sources);
  return std::optional<std::string>{std::string{}};
}

}  // namespace

std::set<ObjectKey> references_of(const core::Container& container) {
  std::set<ObjectKey> out;
  for (const auto* from : items(container.env_from())) {
    if (const auto* ref = from->config_map_ref()) out.insert({&kinds::config_map(), text(ref->name())});
    if (const auto* ref = from->secret_ref()) out.insert({&kinds::secret(), text(ref->name())});
  }
  for (const auto* variable : items(container.env())) {
    const auto* from = variable->value_from();
    if (from == nullptr) continue;
    if (const auto* ref = from->config_map_key_ref()) out.insert({&kinds::config_map(), text(ref->name())});
    if (const auto* ref = from->secret_key_ref()) out.insert({&kinds::secret(), text(ref->name())});
  }
  return out;
}

Result<std::string> field_value(const core::Pod& pod, std::string_view path, const DownwardFacts& facts) {
  const auto* metadata = pod.metadata();
  if (path == "metadata.name") return text(metadata->name());
  if (path == "metadata.namespace") return text(metadata->namespace_());
  if (path == "metadata.uid") return text(metadata->uid());
  if (path == "metadata.labels") return map_text(metadata->labels());
  if (path == "metadata.annotations") return map_text(metadata->annotations());
  if (auto key = subscript(path, "metadata.labels"); !key.empty())
    return std::string{value_of(metadata->labels(), key)};
  if (auto key = subscript(path, "metadata.annotations"); !key.empty())
    return std::string{value_of(metadata->annotations(), key)};
  if (path == "spec.nodeName") return facts.node_name;
  if (path == "spec.serviceAccountName") return text(pod.spec()->service_account_name());
  if (path == "status.hostIP") return facts.host_addresses.empty() ? std::string{} : facts.host_addresses.front();
  if (path == "status.hostIPs") return joined(facts.host_addresses);
  if (path == "status.podIP") return facts.pod_addresses.empty() ? std::string{} : facts.pod_addresses.front();
  if (path == "status.podIPs") return joined(facts.pod_addresses);
  return Error{Reason::invalid, "unsupported fieldPath: " + std::string{path}};
}

std::string expand(std::string_view input, const std::map<std::string, std::string>& values) {
  std::string out;
  for (size_t at = 0; at < input.size();) {
    if (input[at] != '$' || at + 1 == input.size()) {
      out += input[at++];
      continue;
    }
    if (input[at + 1] == '$') {
      out += '$';
      at += 2;
      continue;
    }
    size_t close = input[at + 1] == '(' ? input.find(')', at) : std::string_view::npos;
    if (close == std::string_view::npos) {
      out += input[at++];
      continue;
    }
    std::string name{input.substr(at + 2, close - at - 2)};
    auto found = values.find(name);
    out += found == values.end() ? "$(" + name + ")" : found->second;
    at = close + 1;
  }
  return out;
}

namespace {

// "my-db" -> "MY_DB"
std::string variable_name(std::string_view name) {
  std::string out{name};
  for (char& c : out) c = c == '-' || c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

void add_service(std::map<std::string, std::string>& out, std::string_view name, const core::ServiceSpec& spec) {
  std::string address = text(spec.cluster_ip());
  auto ports = items(spec.ports());
  if (address.empty() || address == "None" || ports.empty()) return;
  std::string prefix = variable_name(name);
  std::string in_url = address.find(':') == std::string::npos ? address : "[" + address + "]";
  bool first = true;
  for (const auto* port : ports) {
    std::string number = std::to_string(port->port().value_or(0));
    std::string protocol = text(port->protocol());
    if (protocol.empty()) protocol = "TCP";
    std::string scheme = protocol;
    for (char& c : scheme) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    std::string url = scheme + "://" + in_url + ":" + number;
    if (first) {
      out[prefix + "_SERVICE_HOST"] = address;
      out[prefix + "_SERVICE_PORT"] = number;
      out[prefix + "_PORT"] = url;
      first = false;
    }
    if (!view(port->name()).empty()) out[prefix + "_SERVICE_PORT_" + variable_name(view(port->name()))] = number;
    std::string each = prefix + "_PORT_" + number + "_" + variable_name(protocol);
    out[each] = url;
    out[each + "_PROTO"] = scheme;
    out[each + "_PORT"] = number;
    out[each + "_ADDR"] = address;
  }
}

}  // namespace

std::map<std::string, std::string> service_environment(const core::Pod& pod, const std::vector<ObjectPtr>& services) {
  std::map<std::string, std::string> out;
  bool links = pod.spec()->enable_service_links().value_or(true);
  for (const auto& service : services) {
    bool api = service->ns() == "default" && service->name() == "kubernetes";
    bool own = links && service->ns() == view(pod.metadata()->namespace_());
    const auto* spec = service->as<core::Service>()->spec();
    if (spec != nullptr && (api || own)) add_service(out, service->name(), *spec);
  }
  return out;
}

Result<Environment> make_environment(const core::Pod& pod, const core::Container& container, const Sources& sources,
                                     const DownwardFacts& facts, const std::vector<std::string>& image_env,
                                     const std::map<std::string, std::string>& service_env) {
  Builder own;
  for (const auto* from : items(container.env_from())) KRING_TRY_VOID(add_from(own, *from, sources));
  // Services are known to expansion and to the container, but its own variables win.
  std::map<std::string, std::string> known = service_env;
  for (const auto& [name, value] : own.values) known[name] = value;
  for (const auto* variable : items(container.env())) {
    std::string name = text(variable->name());
    std::optional<std::string> value = expand(view(variable->value()), known);
    if (variable->value_from() != nullptr) {
      KRING_TRY(value, source_value(pod, container, *variable->value_from(), sources, facts));
    }
    if (!value) continue;
    known[name] = *value;
    own.set(name, std::move(*value));
  }
  Builder all;
  for (const auto& it : image_env) {
    size_t equals = it.find('=');
    if (equals == std::string::npos || equals == 0) continue;
    all.set(it.substr(0, equals), it.substr(equals + 1));
  }
  for (const auto& [name, value] : service_env) all.set(name, value);
  for (const auto& name : own.order) all.set(name, own.values[name]);
  Environment out;
  for (const auto& name : all.order) out.list.push_back(name + "=" + all.values[name]);
  // Only Kubernetes' own variables take part in $(NAME), not the image's.
  out.values = std::move(known);
  return out;
}

std::vector<std::string> make_arguments(const core::Container& container, const std::vector<std::string>& entrypoint,
                                        const std::vector<std::string>& command,
                                        const std::map<std::string, std::string>& values) {
  std::vector<std::string> own_command, own_args;
  for (const auto* it : items(container.command())) own_command.push_back(expand(view(it), values));
  for (const auto* it : items(container.args())) own_args.push_back(expand(view(it), values));
  std::vector<std::string> out = own_command.empty() ? entrypoint : own_command;
  const auto& rest = own_args.empty() && own_command.empty() ? command : own_args;
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

}  // namespace kring::pods
