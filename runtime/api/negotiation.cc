#include "runtime/api/negotiation.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

namespace kring::api {
namespace {

// Media ranges beyond this many are ignored: clients send three to six.
constexpr size_t ranges_max = 32;

struct Range {
  std::string type;
  std::string as, version, group;
  double quality = 1.0;
};

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view take(std::string_view& text, char separator) {
  const size_t at = text.find(separator);
  const std::string_view part = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view{} : text.substr(at + 1);
  return trim(part);
}

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

Range parse_range(std::string_view text) {
  Range range;
  range.type = lower(take(text, ';'));
  while (!text.empty()) {
    std::string_view parameter = take(text, ';');
    const std::string key = lower(take(parameter, '='));
    const std::string_view value = parameter;
    if (key == "as") range.as = value;
    if (key == "v") range.version = value;
    if (key == "g") range.group = value;
    if (key == "q") {
      double quality = 0;
      const auto parsed = std::from_chars(value.data(), value.data() + value.size(), quality);
      range.quality = parsed.ec == std::errc{} ? quality : 0;
    }
  }
  return range;
}

std::vector<Range> parse_accept(std::string_view accept) {
  std::vector<Range> ranges;
  while (!accept.empty() && ranges.size() < ranges_max) {
    const std::string_view part = take(accept, ',');
    if (part.empty()) continue;
    Range range = parse_range(part);
    const auto lesser = [&](const Range& other) { return other.quality < range.quality; };
    const auto place = std::find_if(ranges.begin(), ranges.end(), lesser);
    ranges.insert(place, std::move(range));
  }
  return ranges;
}

std::optional<Accepted> serve(const Range& range, Offers offers) {
  Accepted accepted;
  if (range.quality <= 0) return std::nullopt;
  if (range.type == "application/yaml" || range.type == "text/yaml" || range.type == "application/x-yaml") {
    if (!offers.yaml) return std::nullopt;
    accepted.encoding = Encoding::yaml;
  } else if (range.type != "application/json" && range.type != "*/*" && range.type != "application/*") {
    return std::nullopt;
  }
  if (range.as.empty()) return accepted;
  if (!offers.table || range.group != "meta.k8s.io") return std::nullopt;
  if (range.version == "v1beta1") {
    accepted.meta_version = "v1beta1";
  } else if (range.version != "v1") {
    return std::nullopt;
  }
  if (range.as == "Table") {
    accepted.as = As::table;
  } else if (range.as == "PartialObjectMetadata" || range.as == "PartialObjectMetadataList") {
    accepted.as = As::partial;
  } else {
    return std::nullopt;
  }
  return accepted;
}

}  // namespace

Result<Accepted> negotiate(std::string_view accept, Offers offers) {
  // What nearly every program sends, without building the list.
  if (accept.empty() || accept == "application/json" || accept == "*/*") return Accepted{};
  for (const Range& range : parse_accept(accept)) {
    if (auto accepted = serve(range, offers)) return *accepted;
  }
  return Error{Reason::not_acceptable, offers.yaml
                                           ? "only the following media types are accepted: application/json, "
                                             "application/yaml"
                                           : "only the following media types are accepted: application/json, "
                                             "application/json;stream=watch"};
}

bool wants_pretty(std::string_view query_value, bool query_given, std::string_view user_agent) {
  if (query_given) return query_value.empty() || query_value == "true" || query_value == "1";
  return user_agent.starts_with("curl") || user_agent.starts_with("Wget") || user_agent.starts_with("Mozilla/5.0");
}

std::string media_type(std::string_view content_type) { return lower(take(content_type, ';')); }

Result<Encoding> body_encoding(std::string_view content_type) {
  const std::string type = media_type(content_type);
  if (type.empty() || type == "application/json" || type == "*/*") return Encoding::json;
  if (type == "application/yaml" || type == "text/yaml" || type == "application/x-yaml") return Encoding::yaml;
  if (type == "application/vnd.kubernetes.protobuf") return Encoding::protobuf;
  return Error{Reason::unsupported_media_type,
               "the body of the request was in an unknown format - accepted media types include: application/json, "
               "application/yaml, application/vnd.kubernetes.protobuf"};
}

std::string_view content_type_of(Encoding encoding) {
  return encoding == Encoding::yaml ? "application/yaml" : "application/json";
}

}  // namespace kring::api
