#include "runtime/api/list.h"

#include <algorithm>

#include "objects/base64.h"
#include "runtime/api/status.h"

namespace kring::api {
namespace {

// A token that goes on in the present instead of at the list's revision.
constexpr int64_t inconsistent_revision = -1;

struct Token {
  int64_t revision = 0;
  std::string ns, name;    // the last object that was sent
};

std::string encode_token(const Token& token) {
  json::Object value;
  value.append("v", "meta.k8s.io/v1");
  value.append("rv", token.revision);
  value.append("start", token.ns + '/' + token.name);
  return base64url_encode(json::print(value));
}

Result<Token> decode_token(std::string_view text) {
  const Error bad = bad_request("continue key is not valid: " + std::string{text.substr(0, 64)});
  auto plain = base64url_decode(text);
  if (plain.has_error()) return bad;
  auto parsed = json::parse(*plain);
  if (parsed.has_error() || !parsed->value.is_object()) return bad;
  if (parsed->value.string_or("v") != "meta.k8s.io/v1") return bad;
  const std::string_view start = parsed->value.string_or("start");
  const size_t slash = start.find('/');
  if (slash == std::string_view::npos) return bad;
  Token token;
  token.revision = parsed->value.int_or("rv", 0);
  token.ns = start.substr(0, slash);
  token.name = start.substr(slash + 1);
  return token;
}

// Where a page starts: behind the token's object, in the order of lists (namespace, then name).
size_t start_of(const std::vector<ObjectPtr>& objects, const Token& token) {
  const auto behind = std::upper_bound(objects.begin(), objects.end(), token, [](const Token& t, const ObjectPtr& o) {
    if (const int order = std::string_view{t.ns}.compare(o->ns()); order != 0) return order < 0;
    return std::string_view{t.name} < o->name();
  });
  return static_cast<size_t>(behind - objects.begin());
}

struct Cut {
  std::vector<ObjectPtr> objects;
  size_t next = 0;       // where the next page starts in the source; its size when nothing is left
};

Cut cut(const std::vector<ObjectPtr>& source, size_t start, int64_t limit, const Filter& filter) {
  Cut out;
  const size_t max = limit > 0 ? static_cast<size_t>(limit) : source.size();
  size_t at = start;
  for (; at < source.size() && out.objects.size() < max; ++at) {
    if (filter.matches(*source[at])) out.objects.push_back(source[at]);
  }
  // A page that ends exactly with the last match has no successor.
  while (at < source.size() && !filter.matches(*source[at])) ++at;
  out.next = at;
  return out;
}

Error expired_token() {
  return Error{Reason::expired,
               "The provided continue parameter is too old to display a consistent list result. You can start a new "
               "list without the continue parameter, or use the continue token in this response to retrieve the "
               "remainder of the results. Continuing with the provided token results in an inconsistent list - objects "
               "that were created, modified, or deleted between the time the first chunk was returned and now may show "
               "up in the list."};
}

}  // namespace

const Lists::Kept* Lists::find(const Kind& kind, const std::string& ns, Revision revision) {
  for (auto it = kept_.begin(); it != kept_.end(); ++it) {
    if (it->kind != &kind || it->ns != ns || it->revision != revision) continue;
    kept_.splice(kept_.begin(), kept_, it);
    return &kept_.front();
  }
  return nullptr;
}

void Lists::keep(const Kind& kind, const std::string& ns, Revision revision, const std::vector<ObjectPtr>& objects) {
  if (find(kind, ns, revision) != nullptr) return;
  kept_.push_front(Kept{&kind, ns, revision, objects});
  if (kept_.size() > kept_max) kept_.pop_back();
}

Result<Page> Lists::page(const store::Store& store, const Kind& kind, const std::string& ns,
                         const ListOptions& options, const Filter& filter, std::string& expired_continue) {
  const Revision current = store.revision();
  const Revision asked = options.revision.value_or(0);
  if (options.limit < 0) return bad_request("limit: Invalid value: must be greater than or equal to 0");
  if (asked > current) return too_large_revision(asked, current);
  std::optional<Token> token;
  Revision revision = current;
  if (!options.continue_token.empty()) {
    KRING_TRY(token, decode_token(options.continue_token));
    if (asked != 0) return bad_request("specifying resource version is not allowed when using continue");
    if (token->revision != inconsistent_revision) revision = static_cast<Revision>(token->revision);
  } else if (options.match == RevisionMatch::exact) {
    revision = asked;
  }
  std::vector<ObjectPtr> fresh;
  const std::vector<ObjectPtr>* source = &fresh;
  if (revision == current) {
    fresh = store.list(kind, ns).objects;
  } else if (const Kept* kept = find(kind, ns, revision); kept != nullptr) {
    source = &kept->objects;
  } else if (token) {
    expired_continue = encode_token(Token{inconsistent_revision, token->ns, token->name});
    return expired_token();
  } else {
    return Error{Reason::expired, "The resourceVersion for the provided list is too old."};
  }
  Cut made = cut(*source, token ? start_of(*source, *token) : 0, options.limit, filter);
  Page page;
  page.revision = revision;
  page.objects = std::move(made.objects);
  if (made.next < source->size()) {
    const Object& last = *page.objects.back();
    page.continue_token = encode_token(
        Token{static_cast<int64_t>(revision), std::string{last.ns()}, std::string{last.name()}});
    if (filter.everything()) page.remaining = static_cast<int64_t>(source->size() - made.next);
    if (source == &fresh) keep(kind, ns, revision, fresh);
  }
  return page;
}

}  // namespace kring::api
