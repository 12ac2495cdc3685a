#include "runtime/api/decode.h"

#include "objects/protobuf.h"
#include "objects/yaml.h"
#include "runtime/api/status.h"

namespace kring::api {
namespace {

// At most this much of a bad body is repeated in a message.
constexpr size_t shown_bytes_max = 30;
// Mistakes of one body that are told, as sigs.k8s.io/json.
constexpr size_t findings_max = 100;

Error unrecognized(std::string_view kind, std::string_view why, std::string_view body) {
  std::string shown{body.substr(0, shown_bytes_max)};
  if (body.size() > shown_bytes_max) shown += " ...";
  return bad_request("the object provided is unrecognized (must be of type " + std::string{kind} +
                     "): couldn't get version/kind; json parse error: " + std::string{why} + " (" + shown + ")");
}

Result<void> check_identity(std::string_view api_version, std::string_view kind, json::Value& object) {
  const json::Value* version_member = object.find("apiVersion");
  const json::Value* kind_member = object.find("kind");
  const std::string_view given_version = object.string_or("apiVersion", api_version);
  const std::string_view given_kind = object.string_or("kind", kind);
  const bool odd = (version_member != nullptr && !version_member->is_string()) ||
                   (kind_member != nullptr && !kind_member->is_string());
  if (odd) {
    return bad_request("the object provided is unrecognized (must be of type " + std::string{kind} +
                       "): couldn't get version/kind; json parse error: json: cannot unmarshal into Go struct field");
  }
  if (given_version != api_version && !given_version.empty()) {
    return bad_request("the API version in the data (" + std::string{given_version} +
                       ") does not match the expected API version (" + std::string{api_version} + ")");
  }
  if (given_kind != kind && !given_kind.empty()) {
    const std::string what = std::string{given_kind} + " in version \"" + std::string{api_version} +
                             "\" cannot be handled as a " + std::string{kind} + ": ";
    if (find_served(api_version, given_kind) == nullptr) {
      return bad_request(what + "no kind \"" + std::string{given_kind} + "\" is registered for version \"" +
                         std::string{api_version} + '"');
    }
    return bad_request(what + "converting " + std::string{given_kind} + " to " + std::string{kind} +
                       ": unknown conversion");
  }
  object.as_object().set("apiVersion", api_version);
  object.as_object().set("kind", kind);
  return {};
}

Result<std::vector<std::string>> check_fields(std::string_view table, std::string_view api_version,
                                              std::string_view kind, json::Parsed& body, Validation validation) {
  codec::Findings findings;
  KRING_TRY_VOID(codec::check(codec::type_of(table), body.value, findings));
  if (validation == Validation::ignore) return std::vector<std::string>{};
  std::vector<std::string> found = strict_findings(findings, body.duplicates);
  if (validation == Validation::strict && !found.empty()) {
    return bad_request(std::string{kind} + " in version \"" + std::string{api_version} +
                       "\" cannot be handled as a " + std::string{kind} + ": strict decoding error: " + joined(found));
  }
  return found;
}

}  // namespace

Result<json::Parsed> parse_body(std::string_view body, Encoding encoding, std::string_view expected_kind) {
  if (encoding == Encoding::protobuf) {
    KRING_TRY(json::Value value, protobuf::decode(body));
    return json::Parsed{std::move(value), {}};
  }
  auto parsed = encoding == Encoding::yaml ? yaml::parse(body) : json::parse(body);
  if (parsed.has_error()) {
    const Error& error = parsed.error();
    if (error.reason != Reason::bad_request) return error;
    return unrecognized(expected_kind, error.message, body);
  }
  if (!parsed->value.is_object()) {
    return unrecognized(expected_kind, "json: cannot unmarshal into Go value of type struct", body);
  }
  return parsed;
}

std::vector<std::string> strict_findings(const codec::Findings& findings, const std::vector<std::string>& duplicates) {
  std::vector<std::string> found;
  for (const std::string& unknown : findings.unknown) {
    if (found.size() < findings_max) found.push_back(unknown);
  }
  for (const std::string& path : duplicates) {
    if (found.size() < findings_max) found.push_back("duplicate field \"" + path + '"');
  }
  return found;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) {
    if (!out.empty()) out += ", ";
    out += text;
  }
  return out;
}

Result<Decoded> decode_object(const Served& served, json::Parsed body, Validation validation) {
  const std::string api_version = served.api_version();
  KRING_TRY_VOID(check_identity(api_version, served.kind_name, body.value));
  KRING_TRY(auto warnings, check_fields(served.table, api_version, served.kind_name, body, validation));
  Decoded decoded{std::move(body.value), std::move(warnings)};
  if (served.to_hub != nullptr) {
    KRING_TRY_VOID(served.to_hub(decoded.object));
    // A conversion may leave what the hub writes in another way (null members, default forms).
    codec::Findings ignored;
    KRING_TRY_VOID(codec::check(codec::type_of(served.kind->table), decoded.object, ignored));
  }
  return decoded;
}

Result<Decoded> decode_request(std::string_view table, std::string_view api_version, std::string_view kind,
                               json::Parsed body, Validation validation) {
  KRING_TRY_VOID(check_identity(api_version, kind, body.value));
  KRING_TRY(auto warnings, check_fields(table, api_version, kind, body, validation));
  return Decoded{std::move(body.value), std::move(warnings)};
}

}  // namespace kring::api
