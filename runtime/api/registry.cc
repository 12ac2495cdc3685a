#include "runtime/api/registry.h"

#include <cstring>

#include "objects/codec.h"
#include "objects/hooks.h"
#include "runtime/api/decode.h"
#include "runtime/api/metadata.h"
#include "runtime/api/status.h"

namespace kring::api {
namespace {

// Names that generateName made and that were taken are made again so many times, as kube-apiserver.
constexpr int generate_attempts_max = 8;
constexpr size_t generated_suffix_length = 5;
constexpr size_t generated_base_length_max = 63 - generated_suffix_length;
// Unconditional writes meet others at the same object; each round one of them wins, so this many is a bug's bound.
constexpr int rewrite_attempts_max = 64;

bool same_bytes(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

// PUT makes objects of these kinds where there are none.
bool creates_on_update(const Kind& kind) {
  for (const std::string_view name : {"Endpoints", "Event", "LimitRange", "Lease", "Service", "Role", "RoleBinding",
                                      "ClusterRole", "ClusterRoleBinding", "ResourceQuota"}) {
    if (kind.kind == name) return true;
  }
  return false;
}

// Kinds whose update must say which revision it is of.
bool needs_revision(const Kind& kind) {
  for (const std::string_view name :
       {"Lease", "PodDisruptionBudget", "RuntimeClass", "CustomResourceDefinition", "APIService", "CSINode",
        "VolumeAttachment", "ControllerRevision", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"}) {
    if (kind.kind == name) return true;
  }
  return false;
}

Error revision_required(const Kind& kind, std::string_view name) {
  FieldErrors errors;
  errors.invalid("metadata.resourceVersion", json::Value{0}, "must be specified for an update");
  return invalid_error(kind, name, std::move(errors));
}

std::string generated_name(Env& env, std::string_view base) {
  return std::string{base.substr(0, generated_base_length_max)} + env.random.name_suffix(generated_suffix_length);
}

bool namespace_finalizers_left(const Kind& kind, const json::Value& object) {
  if (&kind != &kinds::ns()) return false;
  const json::Value* list = object.at({"spec", "finalizers"});
  return list != nullptr && list->is_array() && !list->as_array().empty();
}

// A deleted object whose finalizers are all gone, and that no agent still has to stop, goes away with the update.
bool finished(const Kind& kind, const json::Value& object) {
  if (!is_deleting(object) || has_finalizers(object) || namespace_finalizers_left(kind, object)) return false;
  const json::Value* meta = object.find("metadata");
  return meta->int_or("deletionGracePeriodSeconds", 0) == 0;
}

// Status updates: nothing but the status and what the kind lets clients change in metadata.
void keep_all_but_status(const Kind& kind, json::Value& object, const json::Value& old) {
  json::Value kept = old;
  if (json::Value* status = object.find("status"); status != nullptr) {
    kept.as_object().set("status", std::move(*status));
  } else {
    kept.as_object().erase("status");
  }
  const bool fixed_metadata = kind.kind == "Deployment" || kind.kind == "CustomResourceDefinition";
  if (json::Value* meta = object.find("metadata"); meta != nullptr && !fixed_metadata) {
    for (const std::string_view key : {"labels", "annotations", "finalizers"}) {
      if (json::Value* value = meta->find(key); value != nullptr) {
        metadata_of(kept).set(key, std::move(*value));
      } else {
        metadata_of(kept).erase(key);
      }
    }
  }
  object = std::move(kept);
}

// Of a namespace's finalize and a certificate request's approval only what they are for is taken.
void keep_all_but(json::Value& object, const json::Value& old, std::string_view section, std::string_view member) {
  json::Value kept = old;
  const json::Value* wanted = object.at({section, member});
  if (wanted != nullptr) {
    kept.object(section).set(member, *wanted);
  } else if (json::Value* part = kept.find(section); part != nullptr && part->is_object()) {
    part->as_object().erase(member);
  }
  object = std::move(kept);
}

void keep_status(json::Value& object, const json::Value& old) {
  if (const json::Value* status = old.find("status"); status != nullptr) {
    object.as_object().set("status", *status);
  } else {
    object.as_object().erase("status");
  }
}

void set_generation(const Kind& kind, json::Value& object, const json::Value& old) {
  if (!counts_generation(kind)) return;
  const json::Value* meta = old.find("metadata");
  const int64_t before = meta == nullptr ? 0 : meta->int_or("generation", 0);
  metadata_of(object).set("generation", before + (desired_state_differs(object, old) ? 1 : 0));
}

}  // namespace

store::Key key_of(const Target& target) {
  return store::Key{&target.kind(), target.kind().namespaced ? target.ns : std::string{}, target.name};
}

store::Durability durability_of(const WriteOptions& options) {
  return options.recomputable ? store::Durability::memory : store::Durability::durable;
}

Registry::Registry(Env& env, store::Store& store) : env_(env), store_(store), admission_(env, store) {}

Result<ObjectPtr> Registry::get(const Target& target) const {
  ObjectPtr object = store_.get(key_of(target));
  if (object == nullptr) return not_found(target.kind(), target.name);
  return object;
}

// --- create ---------------------------------------------------------------------------------------------------------

Task<Result<Written>> Registry::create(Target target, json::Parsed body, WriteOptions options) {
  auto decoded = decode_object(*target.served, std::move(body), options.validation);
  if (decoded.has_error()) co_return std::move(decoded).error();
  if (&target.kind() == &kinds::pod()) {
    const json::Value* spec = decoded->object.find("spec");
    const std::string_view account = spec == nullptr ? "" : spec->string_or("serviceAccountName", "default");
    co_await admission_.await_account(target.ns, std::string{account});
  }
  KRING_CO_TRY_VOID(settle_create(target, decoded->object));
  auto written = co_await create_named(std::move(target), std::move(decoded->object), options);
  if (written.has_value()) {
    written->created = true;
    written->warnings = std::move(decoded->warnings);
  }
  co_return written;
}

// Everything a new object goes through that does not depend on its final name.
Result<void> Registry::settle_create(const Target& target, json::Value& object) {
  const Kind& kind = target.kind();
  KRING_TRY_VOID(settle_namespace(kind, target.ns, object));
  if (const std::string_view revision = metadata_text(object, "resourceVersion");
      !revision.empty() && revision != "0") {
    return bad_request("resourceVersion should not be set on objects to be created");
  }
  if (!target.name.empty() && metadata_text(object, "name") != target.name) {
    const std::string_view given = metadata_text(object, "name");
    if (!given.empty()) {
      return bad_request("the name of the object (" + std::string{given} + ") does not match the name on the URL (" +
                         target.name + ")");
    }
    metadata_of(object).set("name", target.name);
  }
  apply_defaults(kind, object);
  KRING_TRY_VOID(admission_.admit_create(kind, target.ns, object));
  stamp_create(env_, metadata_of(object));
  if (counts_generation(kind)) metadata_of(object).set("generation", int64_t{1});
  if (has_subresource(kind, "status") && &kind != &kinds::node()) object.as_object().erase("status");
  return {};
}

// What depends on the name: the kind's own preparation, validation, the bytes.
Result<Bytes> Registry::finish_create(const Kind& kind, json::Value& object) const {
  if (const Hooks* hooks = hooks_of(kind); hooks != nullptr && hooks->prepare_create != nullptr) {
    hooks->prepare_create(object);
  }
  KRING_TRY_VOID(validate_create(kind, object));
  return codec::encode(kind, object);
}

Task<Result<Written>> Registry::create_named(Target target, json::Value object, WriteOptions options) {
  const Kind& kind = target.kind();
  const std::string base{metadata_text(object, "generateName")};
  const bool generate = metadata_text(object, "name").empty() && !base.empty();
  for (int attempt = 1;; ++attempt) {
    json::Value made = generate ? object : std::move(object);
    if (generate) metadata_of(made).set("name", generated_name(env_, base));
    target.name = metadata_text(made, "name");
    auto bytes = finish_create(kind, made);
    if (bytes.has_error()) co_return std::move(bytes).error();
    store::Key key = key_of(target);
    if (options.dry_run) {
      if (store_.get(key) != nullptr && !generate) co_return already_exists(kind, target.name);
      co_return Written{std::make_shared<Object>(kind, std::move(*bytes), Revision{0}), true, {}};
    }
    auto stored = co_await store_.create(std::move(key), std::move(*bytes), durability_of(options));
    if (stored.has_value()) co_return Written{std::move(*stored), true, {}};
    if (stored.error().reason != Reason::already_exists) co_return std::move(stored).error();
    if (!generate) co_return already_exists(kind, target.name);
    if (attempt == generate_attempts_max) {
      Error error = already_exists(kind, target.name);
      error.message += ", the server was not able to generate a unique name for the object";
      co_return error;
    }
  }
}

// --- update ---------------------------------------------------------------------------------------------------------

Result<Edit> Registry::replace(const Target& target, const json::Parsed& body, Validation validation) const {
  KRING_TRY(Decoded decoded, decode_object(*target.served, body, validation));
  const std::string_view name = metadata_text(decoded.object, "name");
  if (name != target.name) {
    if (!name.empty()) {
      return bad_request("the name of the object (" + std::string{name} + ") does not match the name on the URL (" +
                         target.name + ")");
    }
    return bad_request("the name of the object (" + std::string{name} +
                       " based on URL) was undeterminable: name must be provided");
  }
  KRING_TRY_VOID(settle_namespace(target.kind(), target.ns, decoded.object));
  Edit edit;
  edit.expected = metadata_text(decoded.object, "resourceVersion");
  if (edit.expected == "0") edit.expected.clear();
  edit.expected_uid = metadata_text(decoded.object, "uid");
  edit.warnings = std::move(decoded.warnings);
  edit.object = std::move(decoded.object);
  if (edit.expected.empty() && needs_revision(target.kind()) && target.subresource.empty()) {
    return revision_required(target.kind(), target.name);
  }
  return edit;
}

Task<Result<Written>> Registry::update(Target target, json::Parsed body, WriteOptions options) {
  const bool may_create = target.subresource.empty() && creates_on_update(target.kind());
  if (may_create && store_.get(key_of(target)) == nullptr) {
    if (!metadata_text(body.value, "resourceVersion").empty() || !metadata_text(body.value, "uid").empty()) {
      co_return not_found(target.kind(), target.name);
    }
    co_return co_await create(std::move(target), std::move(body), options);
  }
  const Validation validation = options.validation;
  Target named = target;
  Editor edit = [this, named = std::move(named), body = std::move(body), validation](
                    const Object&, const json::Value&) { return replace(named, body, validation); };
  co_return co_await rewrite(std::move(target), std::move(edit), options);
}

Result<Registry::Change> Registry::change(const Target& target, const Object& current, const Editor& edit) {
  const Kind& kind = target.kind();
  const json::Value old = codec::to_value(current);
  KRING_TRY(Edit made, edit(current, old));
  json::Value& object = made.object;
  if (!made.expected_uid.empty() && made.expected_uid != current.uid()) {
    return conflict(kind, target.name,
                    "Precondition failed: UID in precondition: " + made.expected_uid +
                        ", UID in object meta: " + std::string{current.uid()});
  }
  if (!made.expected.empty() && made.expected != std::to_string(current.revision())) {
    KRING_TRY_VOID(parse_revision(made.expected));
    return modified(kind, target.name);
  }
  stamp_update(metadata_of(object), old.find("metadata")->as_object());
  const bool status = target.subresource == "status";
  if (status) keep_all_but_status(kind, object, old);
  if (target.subresource == "finalize") keep_all_but(object, old, "spec", "finalizers");
  if (target.subresource == "approval") keep_all_but(object, old, "status", "conditions");
  if (target.subresource.empty() && has_subresource(kind, "status")) keep_status(object, old);
  apply_defaults(kind, object);
  if (const Hooks* hooks = hooks_of(kind); hooks != nullptr && hooks->prepare_update != nullptr) {
    hooks->prepare_update(object, old, target.subresource);
  }
  // Placing a pod is not a wish of its owner: as in Kubernetes, only changes through the object itself count.
  if (!status && target.subresource != "binding") set_generation(kind, object, old);
  KRING_TRY_VOID(admission_.admit_update(kind, target.ns, object, old));
  KRING_TRY_VOID(validate_update(kind, object, old, target.subresource));
  Change out;
  KRING_TRY(out.bytes, codec::encode(kind, object));
  out.unchanged = same_bytes(out.bytes.data, current.bytes());
  out.remove = finished(kind, object);
  out.pinned = !made.expected.empty();
  out.warnings = std::move(made.warnings);
  return out;
}

Result<Written> Registry::dry_run(const Target& target, const Object& current, Change change) const {
  return Written{std::make_shared<Object>(target.kind(), std::move(change.bytes), current.revision()), false,
                 std::move(change.warnings)};
}

Task<Result<Written>> Registry::rewrite(Target target, Editor edit, WriteOptions options) {
  for (int attempt = 0; attempt < rewrite_attempts_max; ++attempt) {
    const ObjectPtr current = store_.get(key_of(target));
    if (current == nullptr) co_return not_found(target.kind(), target.name);
    auto made = change(target, *current, edit);
    if (made.has_error()) co_return std::move(made).error();
    if (options.dry_run) co_return dry_run(target, *current, std::move(*made));
    if (made->unchanged && !made->remove) co_return Written{current, false, std::move(made->warnings)};
    store::Key key = key_of(target);
    Result<ObjectPtr> stored = Error{};
    if (made->remove) {
      stored = co_await store_.remove(std::move(key), current->revision(), store::Durability::durable);
    } else {
      stored = co_await store_.update(std::move(key), std::move(made->bytes), current->revision(),
                                      durability_of(options));
    }
    if (stored.has_value()) co_return Written{std::move(*stored), false, std::move(made->warnings)};
    const Reason reason = stored.error().reason;
    if (reason == Reason::not_found) co_return not_found(target.kind(), target.name);
    if (reason != Reason::conflict) co_return std::move(stored).error();
    if (made->pinned) co_return modified(target.kind(), target.name);
  }
  co_return modified(target.kind(), target.name);
}

}  // namespace kring::api
