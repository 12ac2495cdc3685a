#include <charconv>

#include "objects/patch.h"
#include "objects/patch_tools.h"
#include "objects/quote.h"

namespace kring::patch {

namespace {

Error rejected(std::string message) { return {Reason::invalid, std::move(message)}; }
Error missing(std::string message) { return rejected(std::move(message) + ": missing value"); }

// One reference token of RFC 6901: ~1 is a slash, ~0 a tilde.
std::string decoded(std::string_view token) {
  std::string out;
  out.reserve(token.size());
  for (size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '~' && i + 1 < token.size() && (token[i + 1] == '0' || token[i + 1] == '1')) {
      out.push_back(token[++i] == '0' ? '~' : '/');
    } else {
      out.push_back(token[i]);
    }
  }
  return out;
}

// Go's strconv.Atoi.
Result<int64_t> array_index(std::string_view token) {
  std::string_view digits = token;
  if (digits.starts_with('+') && !digits.starts_with("+-")) digits.remove_prefix(1);
  int64_t index = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  const bool whole = !digits.empty() && end == digits.data() + digits.size();
  if (ec == std::errc{} && whole) return index;
  const char* why = ec == std::errc::result_out_of_range && whole ? "value out of range" : "invalid syntax";
  return rejected("strconv.Atoi: parsing " + go_quote(token) + ": " + why);
}

Error invalid_index(int64_t index) {
  return rejected("Unable to access invalid index: " + std::to_string(index) + ": invalid index referenced");
}

// An index into `size` elements; a negative one counts from the end, as evanphx allows.
Result<size_t> resolve_index(std::string_view token, size_t size) {
  KRING_TRY(const int64_t index, array_index(token));
  const auto length = static_cast<int64_t>(size);
  if (index >= length || index < -length) return invalid_index(index);
  return static_cast<size_t>(index < 0 ? index + length : index);
}


// A container and the last token of a path into it.
struct Place {
  json::Value* container = nullptr;  // null when the path leads nowhere
  std::string key;
  uint32_t depth = 0;  // of the container's members
};

class JsonPatch {
 public:
  explicit JsonPatch(json::Value& document) : document_(document) {}

  Result<void> apply(const json::Value& operation) {
    const json::Value* op = operation.find("op");
    const std::string kind = op != nullptr && op->is_string() ? op->as_string() : "unknown";
    if (kind == "add") return add(operation);
    if (kind == "remove") return remove(operation);
    if (kind == "replace") return replace(operation);
    if (kind == "move") return move(operation);
    if (kind == "copy") return copy(operation);
    if (kind == "test") return test(operation);
    return rejected("Unexpected kind: " + kind.substr(0, 64));
  }

 private:
  static Result<std::string> path_of(const json::Value& operation, std::string_view member) {
    const json::Value* path = operation.find(member);
    if (path == nullptr || path->is_null()) {
      return missing(member == "from" ? "operation, missing from field" : "operation missing path field");
    }
    if (!path->is_string()) {
      const char* scalar = path->is_number() ? "number" : "bool";
      const char* type = path->is_array() ? "array" : path->is_object() ? "object" : scalar;
      return rejected(std::string{"json: cannot unmarshal "} + type + " into Go value of type string");
    }
    return path->as_string();
  }

  static Result<std::string> path_for(const json::Value& operation, std::string_view member, std::string_view doing) {
    Result<std::string> path = path_of(operation, member);
    if (path.has_error()) {
      return rejected(std::string{doing} + " operation failed to decode " + std::string{member} + ": " +
                      path.error().message);
    }
    return path;
  }

  static json::Value value_of(const json::Value& operation) {
    const json::Value* value = operation.find("value");
    return value == nullptr ? json::Value{} : *value;
  }

  Result<Place> find(std::string_view path) {
    if (!path.starts_with('/')) return Place{};
    Place place{.container = &document_, .key = {}, .depth = 1};
    path.remove_prefix(1);
    while (true) {
      const size_t slash = path.find('/');
      place.key = decoded(path.substr(0, slash));
      if (!place.container->is_object() && !place.container->is_array()) return Place{};
      if (slash == std::string_view::npos) return place;
      Result<json::Value*> next = member(place);
      if (next.has_error() && next.error().reason == Reason::request_entity_too_large) return std::move(next).error();
      if (next.has_error() || *next == nullptr) return Place{};
      place.container = *next;
      ++place.depth;
      path.remove_prefix(slash + 1);
    }
  }

  // What the place names: null when an object has no such member, an error when an array has no such element.
  Result<json::Value*> member(const Place& place) {
    if (place.container->is_object()) {
      KRING_TRY_VOID(steps_.spend(place.container->as_object().size() + 1));
      return place.container->as_object().find(place.key);
    }
    json::Array& items = place.container->as_array();
    KRING_TRY(const size_t index, resolve_index(place.key, items.size()));
    return &items[index];
  }

  Result<uint32_t> depth_of(const json::Value& value) {
    KRING_TRY_VOID(steps_.spend(1));
    uint32_t below = 0;
    if (value.is_object()) {
      for (const json::Member& member : value.as_object()) {
        KRING_TRY(const uint32_t depth, depth_of(member.value));
        below = std::max(below, depth);
      }
    } else if (value.is_array()) {
      for (const json::Value& item : value.as_array()) {
        KRING_TRY(const uint32_t depth, depth_of(item));
        below = std::max(below, depth);
      }
    } else {
      return 0u;
    }
    return below + 1;
  }

  Result<void> put(const Place& place, json::Value value) {
    KRING_TRY(const uint32_t depth, depth_of(value));
    if (place.depth + depth > limits::json_depth_max) return rejected("exceeded max depth");
    if (place.container->is_object()) {
      json::Object& object = place.container->as_object();
      KRING_TRY_VOID(steps_.spend(object.size() + 1));
      object.set(place.key, std::move(value));
      return {};
    }
    json::Array& items = place.container->as_array();
    if (place.key == "-") {
      items.push_back(std::move(value));
      return {};
    }
    Result<int64_t> index = array_index(place.key);
    if (index.has_error()) {
      return rejected("value was not a proper array index: '" + place.key + "': " + index.error().message);
    }
    // One more place than there are elements: the end.
    const auto places = static_cast<int64_t>(items.size()) + 1;
    if (*index >= places || *index < -places) return invalid_index(*index);
    const auto at = static_cast<size_t>(*index < 0 ? *index + places : *index);
    KRING_TRY_VOID(steps_.spend(8 * (items.size() - at) + 1));
    items.insert(items.begin() + static_cast<ptrdiff_t>(at), std::move(value));
    return {};
  }

  // Takes the value out of the document.
  Result<json::Value> take(const Place& place) {
    if (place.container->is_object()) {
      std::vector<json::Member>& members = place.container->as_object().members();
      size_t at = 0;
      while (at < members.size() && members[at].key != place.key) ++at;
      KRING_TRY_VOID(steps_.spend(at + 8 * (members.size() - at) + 1));
      if (at == members.size()) return missing("Unable to remove nonexistent key: " + place.key);
      json::Value value = std::move(members[at].value);
      members.erase(members.begin() + static_cast<ptrdiff_t>(at));
      return value;
    }
    json::Array& items = place.container->as_array();
    KRING_TRY(const size_t at, resolve_index(place.key, items.size()));
    KRING_TRY_VOID(steps_.spend(8 * (items.size() - at) + 1));
    json::Value value = std::move(items[at]);
    items.erase(items.begin() + static_cast<ptrdiff_t>(at));
    return value;
  }

  // Adds what was being done to an error of the document; bounds stay as they are.
  static Error because(std::string doing, Error error) {
    if (error.reason != Reason::request_entity_too_large) error.message = std::move(doing) + ": " + error.message;
    return error;
  }

  Result<void> add(const json::Value& operation) {
    KRING_TRY(const std::string path, path_for(operation, "path", "add"));
    KRING_TRY(const Place place, find(path));
    if (place.container == nullptr) {
      return missing("add operation does not apply: doc is missing path: \"" + path + "\"");
    }
    Result<void> done = put(place, value_of(operation));
    if (done.has_error()) return because("error in add for path: '" + path + "'", std::move(done).error());
    return {};
  }

  Result<void> remove(const json::Value& operation) {
    KRING_TRY(const std::string path, path_for(operation, "path", "remove"));
    KRING_TRY(const Place place, find(path));
    if (place.container == nullptr) {
      return missing("remove operation does not apply: doc is missing path: \"" + path + "\"");
    }
    Result<json::Value> taken = take(place);
    if (taken.has_error()) return because("error in remove for path: '" + path + "'", std::move(taken).error());
    return {};
  }

  Result<void> replace(const json::Value& operation) {
    KRING_TRY(const std::string path, path_for(operation, "path", "replace"));
    json::Value value = value_of(operation);
    if (path.empty()) {
      if (!value.is_object() && !value.is_array()) return rejected("replace operation value must be object or array");
      document_ = std::move(value);
      return {};
    }
    KRING_TRY(const Place place, find(path));
    if (place.container == nullptr) return missing("replace operation does not apply: doc is missing path: " + path);
    Result<json::Value*> current = member(place);
    if (current.has_error()) {
      if (current.error().reason == Reason::request_entity_too_large) return std::move(current).error();
      return missing("replace operation does not apply: doc is missing key: " + path);
    }
    if (*current == nullptr) return put(place, std::move(value));
    KRING_TRY(const uint32_t depth, depth_of(value));
    if (place.depth + depth > limits::json_depth_max) return rejected("exceeded max depth");
    **current = std::move(value);
    return {};
  }

  Result<void> move(const json::Value& operation) {
    KRING_TRY(const std::string from, path_for(operation, "from", "move"));
    KRING_TRY(const std::string path, path_for(operation, "path", "move"));
    KRING_TRY(const Place source, find(from));
    if (source.container == nullptr) {
      return missing("move operation does not apply: doc is missing from path: " + from);
    }
    Result<json::Value> value = take(source);
    if (value.has_error()) return because("error in move for path: '" + source.key + "'", std::move(value).error());
    KRING_TRY(const Place target, find(path));
    if (target.container == nullptr) {
      return missing("move operation does not apply: doc is missing destination path: " + path);
    }
    Result<void> done = put(target, std::move(*value));
    if (done.has_error()) return because("error in move for path: '" + path + "'", std::move(done).error());
    return {};
  }

  Result<void> copy(const json::Value& operation) {
    KRING_TRY(const std::string from, path_for(operation, "from", "copy"));
    KRING_TRY(const std::string path, path_for(operation, "path", "copy"));
    KRING_TRY(const Place source, find(from));
    if (source.container == nullptr) {
      return missing("copy operation does not apply: doc is missing from path: " + from);
    }
    Result<json::Value*> found = member(source);
    if (found.has_error()) return because("error in copy for from: '" + from + "'", std::move(found).error());
    KRING_TRY(const Place target, find(path));
    if (target.container == nullptr) {
      return missing("copy operation does not apply: doc is missing destination path: " + path);
    }
    KRING_TRY(json::Value value, copied(*found));
    Result<void> done = put(target, std::move(value));
    if (done.has_error()) return because("error while adding value during copy", std::move(done).error());
    return {};
  }

  // Copies are counted by their text: 10,000 of them could otherwise double a document 10,000 times.
  Result<json::Value> copied(const json::Value* source) {
    if (source == nullptr) return json::Value{};
    copied_bytes_ += json::print(*source).size();
    if (copied_bytes_ > limits::json_patch_copy_bytes_max) {
      return Error{Reason::request_entity_too_large,
                   "Unable to complete the copy, the accumulated size increase of copy is " +
                       std::to_string(copied_bytes_) + ", exceeding the limit " +
                       std::to_string(limits::json_patch_copy_bytes_max)};
    }
    return *source;
  }

  Result<void> test(const json::Value& operation) {
    KRING_TRY(const std::string path, path_for(operation, "path", "test"));
    const Error failed = rejected("testing value " + path + " failed: test failed");
    const json::Value* expected = operation.find("value");
    const json::Value nothing;
    if (expected == nullptr) expected = &nothing;
    if (path.empty()) return document_ == *expected ? Result<void>{} : failed;
    KRING_TRY(const Place place, find(path));
    if (place.container == nullptr) return missing("test operation does not apply: is missing path: " + path);
    Result<json::Value*> actual = member(place);
    if (actual.has_error()) return because("error in test for path: '" + path + "'", std::move(actual).error());
    // A member that is absent equals null.
    if ((*actual == nullptr ? nothing : **actual) == *expected) return {};
    return failed;
  }

  json::Value& document_;
  Steps steps_;
  size_t copied_bytes_ = 0;
};

}  // namespace

Result<void> apply_json(json::Value& document, const json::Value& operations) {
  if (!operations.is_array()) {
    return Error{Reason::bad_request, "json: cannot unmarshal object into Go value of type jsonpatch.Patch"};
  }
  const json::Array& list = operations.as_array();
  for (const json::Value& operation : list) {
    if (operation.is_object() || operation.is_null()) continue;
    return Error{Reason::bad_request, "json: cannot unmarshal into Go value of type jsonpatch.Operation"};
  }
  if (list.size() > limits::json_patch_operations_max) {
    return Error{Reason::request_entity_too_large,
                 "The allowed maximum operations in a JSON patch is " +
                     std::to_string(limits::json_patch_operations_max) + ", got " + std::to_string(list.size())};
  }
  JsonPatch patch{document};
  for (const json::Value& operation : list) KRING_TRY_VOID(patch.apply(operation));
  return {};
}

}  // namespace kring::patch
