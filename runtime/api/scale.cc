#include "runtime/api/scale.h"

#include "objects/codec.h"
#include "objects/hooks.h"
#include "objects/labels.h"
#include "runtime/api/decode.h"
#include "runtime/api/metadata.h"
#include "runtime/api/patching.h"
#include "runtime/api/status.h"

namespace kring::api {
namespace {

std::string api_version_of(const Subresource& scale) {
  std::string out{scale.group};
  if (!out.empty()) out += '/';
  return out + std::string{scale.version};
}

// Selectors are maps in ReplicationControllers and LabelSelectors elsewhere.
std::string selector_text(const Kind& kind, const json::Value* selector) {
  if (selector == nullptr) return {};
  if (kind.kind == "ReplicationController") return labels::Selector::from_map(selector).to_string();
  auto parsed = labels::Selector::from_label_selector(selector);
  return parsed.has_value() ? parsed->to_string() : std::string{};
}

Result<void> check_replicas(const json::Value& scale, const std::string& name) {
  const json::Value* spec = scale.find("spec");
  const int64_t replicas = spec == nullptr ? 0 : spec->int_or("replicas", 0);
  if (replicas >= 0) return {};
  const std::string message = "Invalid value: " + std::to_string(replicas) + ": must be greater than or equal to 0";
  Error error{Reason::invalid, "Scale.autoscaling \"" + name + "\" is invalid: spec.replicas: " + message};
  error.kind = "Scale";
  error.group = "autoscaling";
  error.name = name;
  error.causes.push_back(Cause{"FieldValueInvalid", message, "spec.replicas"});
  return error;
}

Result<Edit> scaled(const json::Value& value, const json::Value& scale) {
  const std::string name{metadata_text(value, "name")};
  KRING_TRY_VOID(check_replicas(scale, name));
  const json::Value* spec = scale.find("spec");
  Edit edit;
  edit.expected = metadata_text(scale, "resourceVersion");
  edit.expected_uid = metadata_text(scale, "uid");
  edit.object = value;
  edit.object.object("spec").set("replicas", spec == nullptr ? int64_t{0} : spec->int_or("replicas", 0));
  return edit;
}

}  // namespace

json::Value scale_of(const Object& object, const Subresource& scale) {
  const json::Value value = codec::to_value(object);
  json::Object meta;
  for (const std::string_view key : {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"}) {
    if (const std::string_view text = metadata_text(value, key); !text.empty()) meta.append(std::string{key}, text);
  }
  const json::Value* spec = value.find("spec");
  const json::Value* status = value.find("status");
  json::Object desired;
  if (spec != nullptr) {
    if (const json::Value* replicas = spec->find("replicas"); replicas != nullptr) {
      desired.append("replicas", *replicas);
    }
  }
  json::Object seen;
  seen.append("replicas", status == nullptr ? int64_t{0} : status->int_or("replicas", 0));
  const json::Value* selector = spec == nullptr ? nullptr : spec->find("selector");
  const std::string text = selector_text(object.kind(), selector);
  if (scale.group == "autoscaling") {
    if (!text.empty()) seen.append("selector", text);
  } else {
    const json::Value* labels = selector == nullptr ? nullptr : selector->find("matchLabels");
    if (labels != nullptr) seen.append("selector", *labels);
    if (!text.empty()) seen.append("targetSelector", text);
  }
  json::Object out;
  out.append("kind", "Scale");
  out.append("apiVersion", api_version_of(scale));
  out.append("metadata", std::move(meta));
  out.append("spec", std::move(desired));
  out.append("status", std::move(seen));
  return out;
}

Result<Editor> scale_update(const Target& target, const Subresource& scale, json::Parsed body) {
  const std::string api_version = api_version_of(scale);
  const codec::TypeInfo* type = codec::find_type(api_version, "Scale");
  if (type == nullptr) return method_not_allowed();
  KRING_TRY(Decoded decoded, decode_request(type->table, api_version, "Scale", std::move(body), Validation::warn));
  const std::string_view name = metadata_text(decoded.object, "name");
  if (name != target.name) {
    return bad_request("the name of the object (" + std::string{name} + ") does not match the name on the URL (" +
                       target.name + ")");
  }
  return Editor{[wanted = std::move(decoded.object)](const Object&, const json::Value& value) {
    return scaled(value, wanted);
  }};
}

Result<Editor> scale_patch(const Call& call) {
  KRING_TRY(const PatchKind patch_kind, patch_kind_of(call.request->header("content-type")));
  KRING_TRY(json::Value patch, parse_patch(call.request->body));
  const Subresource scale = *call.subresource;
  const codec::TypeInfo* type = codec::find_type(api_version_of(scale), "Scale");
  if (type == nullptr) return method_not_allowed();
  return Editor{[patch_kind, patch = std::move(patch), scale, type](const Object& current,
                                                                    const json::Value& value) -> Result<Edit> {
    const json::Value before = scale_of(current, scale);
    KRING_TRY(json::Value after, patched(*type, patch_kind, before, patch));
    codec::Findings findings;
    KRING_TRY_VOID(codec::check(*type, after, findings));
    KRING_TRY(Edit edit, scaled(value, after));
    if (edit.expected == std::to_string(current.revision())) edit.expected.clear();
    return edit;
  }};
}

}  // namespace kring::api
