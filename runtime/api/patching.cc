#include "runtime/api/patching.h"

#include "objects/patch.h"
#include "runtime/api/decode.h"
#include "runtime/api/metadata.h"
#include "runtime/api/negotiation.h"
#include "runtime/api/represent.h"
#include "runtime/api/status.h"

namespace kring::api {
namespace {

// ` "" is invalid: patch: Invalid value: "...": strict decoding error: unknown field "spec.foo"`
Error invalid_patch(const json::Value& shown, std::string_view why) {
  std::string quoted;
  json::print_string_to(quoted, json::print(shown));
  const std::string message = "Invalid value: " + quoted + ": " + std::string{why};
  Error error{Reason::invalid, " \"\" is invalid: patch: " + message};
  error.causes.push_back(Cause{"FieldValueInvalid", message, "patch"});
  return error;
}

}  // namespace

Result<PatchKind> patch_kind_of(std::string_view content_type) {
  const std::string type = media_type(content_type);
  if (type == "application/json-patch+json") return PatchKind::json;
  if (type == "application/merge-patch+json") return PatchKind::merge;
  if (type == "application/strategic-merge-patch+json") return PatchKind::strategic;
  if (type == "application/apply-patch+yaml") {
    return Error{Reason::unsupported_media_type,
                 "server-side apply is not served; apply on the client's side (kubectl apply --server-side=false)"};
  }
  return Error{Reason::unsupported_media_type,
               "the body of the request was in an unknown format - accepted media types include: "
               "application/json-patch+json, application/merge-patch+json, "
               "application/strategic-merge-patch+json"};
}

Result<json::Value> parse_patch(std::string_view body) {
  auto parsed = json::parse(body);
  if (parsed.has_value()) return std::move(parsed->value);
  if (parsed.error().reason != Reason::bad_request) return std::move(parsed).error();
  return bad_request("error decoding patch: " + parsed.error().message);
}

Result<json::Value> patched(const codec::TypeInfo& type, PatchKind kind, const json::Value& before,
                            const json::Value& patch) {
  json::Value document = before;
  Result<void> applied;
  switch (kind) {
    case PatchKind::json: applied = patch::apply_json(document, patch); break;
    case PatchKind::merge: applied = patch::apply_merge(document, patch); break;
    case PatchKind::strategic: applied = patch::apply_strategic(document, patch, type); break;
  }
  if (applied.has_error()) return std::move(applied).error();
  if (!document.is_object()) return bad_request("the patched object is no longer an object");
  return document;
}

Result<Edit> Registry::apply_patch(const Target& target, PatchKind patch_kind, const json::Value& patch,
                                   Validation validation, const Object& current) const {
  const Served& served = *target.served;
  const codec::TypeInfo& type = codec::type_of(served.table);
  KRING_TRY(const json::Value before, served_value(current, served));
  KRING_TRY(json::Value after, patched(type, patch_kind, before, patch));
  const json::Value& shown = patch_kind == PatchKind::strategic ? patch : after;
  codec::Findings findings;
  json::Value checked = after;
  if (auto ok = codec::check(type, checked, findings); ok.has_error()) return invalid_patch(shown, ok.error().message);
  if (validation == Validation::strict && !findings.unknown.empty()) {
    return invalid_patch(shown, "strict decoding error: " + joined(strict_findings(findings, {})));
  }
  KRING_TRY(Decoded decoded, decode_object(served, json::Parsed{std::move(checked), {}}, Validation::ignore));
  const std::string_view name = metadata_text(decoded.object, "name");
  if (name != target.name) {
    return bad_request("the name of the object (" + std::string{name} + ") does not match the name on the URL (" +
                       target.name + ")");
  }
  KRING_TRY_VOID(settle_namespace(target.kind(), target.ns, decoded.object));
  Edit edit;
  edit.expected = metadata_text(decoded.object, "resourceVersion");
  if (edit.expected == std::to_string(current.revision())) edit.expected.clear();
  edit.expected_uid = metadata_text(decoded.object, "uid");
  edit.object = std::move(decoded.object);
  if (validation == Validation::warn) edit.warnings = strict_findings(findings, {});
  return edit;
}

Task<Result<Written>> Registry::patch(Target target, PatchKind patch_kind, json::Value patch, WriteOptions options) {
  Target named = target;
  const Validation validation = options.validation;
  Editor edit = [this, named = std::move(named), patch_kind, patch = std::move(patch), validation](
                    const Object& current, const json::Value&) {
    return apply_patch(named, patch_kind, patch, validation, current);
  };
  co_return co_await rewrite(std::move(target), std::move(edit), options);
}

}  // namespace kring::api
