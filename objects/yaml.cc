#include "objects/yaml.h"

#include <yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "objects/base64.h"
#include "objects/limits.h"
#include "objects/utf8.h"
#include "objects/yaml_scalar.h"

namespace kring::yaml {

namespace {

constexpr size_t duplicates_max = 100;
constexpr size_t duplicates_bytes_max = 64 * limits::KiB;
constexpr size_t linear_members_max = 16;
// libyaml compares every %TAG directive with all before it: 3 MiB of them would keep it busy for minutes.
constexpr size_t tag_directives_max = 1000;

Error fail(std::string message, Reason reason = Reason::bad_request) {
  return {reason, "yaml: " + std::move(message)};
}

Error too_many() {
  return fail("document has more than " + std::to_string(limits::yaml_values_max) + " values",
              Reason::request_entity_too_large);
}

// A document is first read into nodes, where an alias is only a reference, and then built into values with what
// aliases expand to counted.
using NodeId = uint32_t;
struct Node {
  enum class Kind : uint8_t { scalar, sequence, mapping, alias };
  Kind kind = Kind::scalar;
  bool plain = false;     // a scalar whose type follows from its text
  bool building = false;  // guards against anchors that contain themselves
  NodeId target = 0;      // of an alias
  std::string tag;
  std::string text;               // of a scalar; the anchor's name of an alias
  std::vector<NodeId> children;  // items, or keys and values in turn
};

std::string text_of(const yaml_char_t* text) { return text == nullptr ? "" : reinterpret_cast<const char*>(text); }

class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { yaml_event_delete(&event); }
  yaml_event_t event{};
};

bool too_many_directives(std::string_view text) {
  size_t count = 0;
  for (size_t at = text.find("%TAG"); at != std::string_view::npos; at = text.find("%TAG", at + 4)) ++count;
  return count > tag_directives_max;
}

// libyaml's parser over a text that outlives it. Only UTF-8 is read: libyaml would take UTF-16 too.
class Reader {
 public:
  explicit Reader(std::string_view text) : overloaded_(too_many_directives(text)) {
    ready_ = yaml_parser_initialize(&parser_) != 0;
    if (!ready_) return;
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() {
    if (ready_) yaml_parser_delete(&parser_);
  }

  Result<void> next(Event& out) {
    yaml_event_delete(&out.event);
    if (overloaded_) return fail("too many %TAG directives");
    if (ready_ && yaml_parser_parse(&parser_, &out.event) != 0) return {};
    return fail(problem());
  }

 private:
  // Where and what, with the line counted as Go's port of libyaml does.
  std::string problem() const {
    if (!ready_ || parser_.error == YAML_MEMORY_ERROR) return "out of memory";
    size_t line = parser_.problem_mark.line;
    if (line != 0) {
      if (parser_.error == YAML_SCANNER_ERROR) ++line;
    } else {
      line = parser_.context_mark.line;
    }
    const std::string where = line != 0 ? "line " + std::to_string(line) + ": " : "";
    return where + (parser_.problem != nullptr ? parser_.problem : "unknown problem parsing YAML content");
  }

  yaml_parser_t parser_{};
  bool overloaded_;
  bool ready_ = false;
};

// Reads the nodes of one document.
class Composer {
 public:
  Composer(Reader& reader, const json::ParseOptions& options, std::vector<Node>& nodes)
      : reader_(reader), options_(options), nodes_(nodes) {}

  // The event is the document's first; returns its root.
  Result<NodeId> node(const yaml_event_t& event, uint32_t depth) {
    if (nodes_.size() >= std::min(limits::yaml_values_max, options_.values_max)) return too_many();
    const NodeId id = static_cast<NodeId>(nodes_.size());
    nodes_.emplace_back();
    switch (event.type) {
      case YAML_ALIAS_EVENT: {
        nodes_[id].kind = Node::Kind::alias;
        nodes_[id].text = text_of(event.data.alias.anchor);
        const auto found = anchors_.find(nodes_[id].text);
        if (found == anchors_.end()) return fail("unknown anchor '" + nodes_[id].text + "' referenced");
        nodes_[id].target = found->second;
        return id;
      }
      case YAML_SCALAR_EVENT: {
        const auto& scalar = event.data.scalar;
        nodes_[id].tag = text_of(scalar.tag);
        nodes_[id].plain = scalar.plain_implicit != 0;
        nodes_[id].text.assign(reinterpret_cast<const char*>(scalar.value), scalar.length);
        anchor(scalar.anchor, id);
        return id;
      }
      case YAML_SEQUENCE_START_EVENT:
        nodes_[id].kind = Node::Kind::sequence;
        anchor(event.data.sequence_start.anchor, id);
        return children(id, YAML_SEQUENCE_END_EVENT, depth + 1);
      case YAML_MAPPING_START_EVENT:
        nodes_[id].kind = Node::Kind::mapping;
        anchor(event.data.mapping_start.anchor, id);
        return children(id, YAML_MAPPING_END_EVENT, depth + 1);
      default: return fail("unknown problem parsing YAML content");
    }
  }

 private:
  void anchor(const yaml_char_t* name, NodeId id) {
    if (name != nullptr) anchors_[text_of(name)] = id;
  }

  Result<NodeId> children(NodeId id, yaml_event_type_t end, uint32_t depth) {
    if (depth > options_.depth_max) return fail("exceeded max depth");
    while (true) {
      Event event;
      KRING_TRY_VOID(reader_.next(event));
      if (event.event.type == end) return id;
      KRING_TRY(const NodeId child, node(event.event, depth));
      nodes_[id].children.push_back(child);
    }
  }

  Reader& reader_;
  const json::ParseOptions& options_;
  std::vector<Node>& nodes_;
  std::map<std::string, NodeId> anchors_;
};

// Where the builder is, as a list on the stack: only walked to word a finding.
struct Frame {
  const Frame* parent = nullptr;
  const std::string* key = nullptr;  // null inside a sequence
  size_t index = 0;
};

void append_path(std::string& out, const Frame* frame) {
  if (frame == nullptr) return;
  append_path(out, frame->parent);
  if (frame->key == nullptr) {
    out += "[" + std::to_string(frame->index) + "]";
    return;
  }
  if (!out.empty()) out.push_back('.');
  out += *frame->key;
}

// As Go formats a float32 key with %g.
std::string float_key(double value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value > 0 ? ".inf" : "-.inf";
  char text[64];
  const float narrow = static_cast<float>(value);
  if (std::isinf(narrow)) return narrow > 0 ? ".inf" : "-.inf";
  const auto scientific = std::to_chars(text, text + sizeof text, narrow, std::chars_format::scientific);
  const std::string exponent_form{text, scientific.ptr};
  const int exponent = std::atoi(exponent_form.c_str() + exponent_form.find('e') + 1);
  if (exponent < -4 || exponent >= 6) return exponent_form;
  const auto fixed = std::to_chars(text, text + sizeof text, narrow, std::chars_format::fixed);
  return {text, fixed.ptr};
}

// Members under construction, with a quick way to find one by key.
class Members {
 public:
  json::Value* find(std::string_view key) {
    if (object_.size() <= linear_members_max) return object_.find(key);
    for (; indexed_ < object_.size(); ++indexed_) index_.emplace(object_.members()[indexed_].key, indexed_);
    const auto found = index_.find(key);
    return found == index_.end() ? nullptr : &object_.members()[found->second].value;
  }
  void append(std::string key, json::Value value) { object_.append(std::move(key), std::move(value)); }
  json::Object take() { return std::move(object_); }

 private:
  json::Object object_;
  std::map<std::string, size_t, std::less<>> index_;
  size_t indexed_ = 0;
};

// Turns nodes into values.
class Builder {
 public:
  Builder(std::vector<Node>& nodes, const json::ParseOptions& options, std::vector<std::string>& duplicates)
      : nodes_(nodes), options_(options), duplicates_(duplicates) {}

  Result<json::Value> build(NodeId id, const Frame* frame, uint32_t depth) {
    // Composing has bounded the nodes themselves; beyond that it is aliases that multiply.
    if (++values_ > limits::yaml_values_max) return fail("document contains excessive aliasing");
    Node& node = nodes_[id];
    if (node.kind == Node::Kind::scalar) return scalar(node);
    if (node.kind == Node::Kind::alias) {
      if (nodes_[node.target].building) return fail("anchor '" + node.text + "' value contains itself");
      return build(node.target, frame, depth);
    }
    if (depth + 1 > options_.depth_max) return fail("exceeded max depth");
    node.building = true;
    Result<json::Value> value = node.kind == Node::Kind::sequence ? sequence(node, frame, depth + 1)
                                                                  : mapping(node, frame, depth + 1);
    node.building = false;
    return value;
  }

 private:
  static constexpr std::string_view tag_prefix = "tag:yaml.org,2002:";

  Result<json::Value> scalar(const Node& node) {
    std::string_view tag = node.tag;
    if (tag.starts_with(tag_prefix)) tag.remove_prefix(tag_prefix.size());
    if (tag.empty() && !node.plain) return json::Value{node.text};
    if (tag == "binary") {
      Result<std::string> bytes = base64_decode_text(node.text);
      if (bytes.has_error()) return fail("!!binary value contains invalid base64 data");
      return json::Value{utf8::sanitized(*bytes)};
    }
    static constexpr std::pair<std::string_view, Tag> wanted_tags[] = {
        {"bool", Tag::boolean}, {"int", Tag::integer}, {"float", Tag::floating}, {"null", Tag::null}};
    const auto* wanted = std::find_if(std::begin(wanted_tags), std::end(wanted_tags),
                                      [&](const auto& entry) { return entry.first == tag; });
    if (!tag.empty() && wanted == std::end(wanted_tags)) return json::Value{node.text};
    Scalar resolved = resolve(node.text);
    if (!tag.empty() && resolved.tag != wanted->second) {
      if (wanted->second != Tag::floating || resolved.tag != Tag::integer) {
        return fail("cannot decode " + std::string{tag_name(resolved.tag)} + " `" + node.text.substr(0, 100) +
                    "` as a !!" + std::string{tag});
      }
      resolved.value = resolved.value.as_double();
    }
    if (resolved.tag == Tag::str || resolved.tag == Tag::merge) return json::Value{node.text};
    if (resolved.tag == Tag::floating && !std::isfinite(resolved.value.as_double())) {
      return Error{Reason::bad_request, "json: unsupported value: " + node.text};
    }
    return std::move(resolved.value);
  }

  Result<json::Value> sequence(const Node& node, const Frame* parent, uint32_t depth) {
    json::Array items;
    Frame frame{.parent = parent};
    for (; frame.index < node.children.size(); ++frame.index) {
      KRING_TRY(json::Value item, build(node.children[frame.index], &frame, depth));
      items.push_back(std::move(item));
    }
    return json::Value{std::move(items)};
  }

  Result<json::Value> mapping(const Node& node, const Frame* parent, uint32_t depth) {
    Members members;
    std::vector<NodeId> merges;
    for (size_t i = 0; i + 1 < node.children.size(); i += 2) {
      if (is_merge(nodes_[node.children[i]])) {
        merges.push_back(node.children[i + 1]);
        continue;
      }
      KRING_TRY(std::string name, key(node.children[i]));
      const Frame frame{.parent = parent, .key = &name};
      KRING_TRY(json::Value value, build(node.children[i + 1], &frame, depth));
      if (json::Value* earlier = members.find(name)) {
        report_duplicate(&frame);
        *earlier = std::move(value);
      } else {
        members.append(std::move(name), std::move(value));
      }
    }
    // What is written in the mapping itself goes before what is merged into it; earlier merges before later ones.
    for (NodeId merge : merges) KRING_TRY_VOID(merge_into(members, merge, parent, depth));
    return json::Value{members.take()};
  }

  static bool is_merge(const Node& node) {
    const bool tagged = node.tag == "tag:yaml.org,2002:merge";
    return node.kind == Node::Kind::scalar && node.text == "<<" && ((node.tag.empty() && node.plain) || tagged);
  }

  Result<void> merge_into(Members& members, NodeId id, const Frame* parent, uint32_t depth) {
    KRING_TRY(json::Value source, build(id, parent, depth));
    const Error wrong = fail("map merge requires map or sequence of maps as the value");
    json::Array sources;
    if (source.is_array()) {
      sources = std::move(source.as_array());
    } else {
      sources.push_back(std::move(source));
    }
    for (json::Value& map : sources) {
      if (!map.is_object()) return wrong;
      for (json::Member& member : map.as_object()) {
        if (members.find(member.key) == nullptr) members.append(std::move(member.key), std::move(member.value));
      }
    }
    return {};
  }

  // JSON's keys are text: numbers and booleans are printed.
  Result<std::string> key(NodeId id) {
    KRING_TRY(json::Value value, build(id, nullptr, 0));
    switch (value.type()) {
      case json::Type::string: return std::move(value.as_string());
      case json::Type::boolean: return std::string{value.as_bool() ? "true" : "false"};
      case json::Type::integer: return std::to_string(value.as_int());
      case json::Type::number: return float_key(value.as_double());
      case json::Type::null: return fail("unsupported map key of type: null");
      case json::Type::array:
      case json::Type::object: break;
    }
    return fail("invalid map key: " + json::print(value).substr(0, 100));
  }

  void report_duplicate(const Frame* frame) {
    if (duplicates_.size() >= duplicates_max || duplicates_bytes_ >= duplicates_bytes_max) return;
    std::string path;
    append_path(path, frame);
    if (std::find(duplicates_.begin(), duplicates_.end(), path) != duplicates_.end()) return;
    duplicates_bytes_ += path.size();
    duplicates_.push_back(std::move(path));
  }

  std::vector<Node>& nodes_;
  const json::ParseOptions& options_;
  std::vector<std::string>& duplicates_;
  size_t duplicates_bytes_ = 0;
  uint32_t values_ = 0;
};

// The next document, or false at the end of the stream.
Result<bool> next_document(Reader& reader, const json::ParseOptions& options, json::Parsed& out) {
  while (true) {
    Event event;
    KRING_TRY_VOID(reader.next(event));
    if (event.event.type == YAML_STREAM_END_EVENT) return false;
    if (event.event.type != YAML_DOCUMENT_START_EVENT) continue;
    KRING_TRY_VOID(reader.next(event));
    std::vector<Node> nodes;
    KRING_TRY(const NodeId root, Composer(reader, options, nodes).node(event.event, 0));
    KRING_TRY_VOID(reader.next(event));  // the document's end
    KRING_TRY(out.value, Builder(nodes, options, out.duplicates).build(root, nullptr, 0));
    return true;
  }
}

}  // namespace

Result<json::Parsed> parse(std::string_view text, const json::ParseOptions& options) {
  Reader reader{text};
  json::Parsed parsed;
  KRING_TRY(const bool found, next_document(reader, options, parsed));
  static_cast<void>(found);  // an empty text is null
  return parsed;
}

Result<std::vector<json::Parsed>> parse_all(std::string_view text, const json::ParseOptions& options) {
  Reader reader{text};
  std::vector<json::Parsed> documents;
  while (true) {
    json::Parsed parsed;
    KRING_TRY(const bool found, next_document(reader, options, parsed));
    if (!found) return documents;
    if (!parsed.value.is_null()) documents.push_back(std::move(parsed));
  }
}

}  // namespace kring::yaml
