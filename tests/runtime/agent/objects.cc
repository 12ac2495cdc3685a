#include "tests/runtime/agent/objects.h"

#include "objects/check.h"
#include "objects/codec.h"
#include "objects/hooks.h"

namespace kring::test {

ObjectPtr object_of(const Kind& kind, std::string_view json_text, Revision revision) {
  auto parsed = json::parse(json_text);
  KRING_CHECK(parsed.has_value(), json_text);
  apply_defaults(kind, parsed->value);
  codec::Findings findings;
  auto checked = codec::check(codec::type_of(kind), parsed->value, findings);
  KRING_CHECK(!checked.has_error(), checked.has_error() ? checked.error().message : "");
  KRING_CHECK(findings.unknown.empty(), findings.unknown.empty() ? "" : findings.unknown[0]);
  auto bytes = codec::encode(kind, parsed->value);
  KRING_CHECK(bytes.has_value());
  return std::make_shared<Object>(kind, std::move(*bytes), revision);
}

}  // namespace kring::test
