#include "objects/labels.h"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "objects/names.h"
#include "objects/quote.h"

namespace kring::labels {

namespace {

std::string invalid(std::string_view field, std::string_view value, std::string_view detail) {
  return std::string{field} + ": Invalid value: " + go_quote(value) + ": " + std::string{detail};
}

bool parse_int(std::string_view text, int64_t& out) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  const char* end = text.data() + text.size();
  const auto [stopped, ec] = std::from_chars(text.data(), end, out);
  return !text.empty() && ec == std::errc{} && stopped == end;
}

// How a wrong number of values is refused, or empty.
std::string_view refuse_count(Operator op, size_t count) {
  switch (op) {
    case Operator::in:
    case Operator::not_in:
      return count == 0 ? "for 'in', 'notin' operators, values set can't be empty" : "";
    case Operator::equals:
    case Operator::double_equals:
    case Operator::not_equals:
      return count != 1 ? "exact-match compatibility requires one single value" : "";
    case Operator::exists:
    case Operator::does_not_exist:
      return count != 0 ? "values set must be empty for exists and does not exist" : "";
    case Operator::greater:
    case Operator::less:
      return count != 1 ? "for 'Gt', 'Lt' operators, exactly one value is required" : "";
  }
  return "";
}

// A list of strings as Go's %#v prints it.
std::string go_strings(std::span<const std::string> values) {
  std::vector<std::string> quoted;
  for (const std::string& value : values) quoted.push_back(go_quote(value));
  return "[]string{" + join(quoted, ", ") + "}";
}

bool holds(const Requirement& requirement, std::optional<std::string_view> label) {
  const std::vector<std::string>& values = requirement.values;
  auto listed = [&] { return std::find(values.begin(), values.end(), *label) != values.end(); };
  switch (requirement.op) {
    case Operator::in:
    case Operator::equals:
    case Operator::double_equals: return label && listed();
    case Operator::not_in:
    case Operator::not_equals: return !label || !listed();
    case Operator::exists: return label.has_value();
    case Operator::does_not_exist: return !label;
    case Operator::greater:
    case Operator::less: {
      int64_t actual = 0, bound = 0;
      if (!label || values.size() != 1 || !parse_int(*label, actual) || !parse_int(values[0], bound)) return false;
      return requirement.op == Operator::greater ? actual > bound : actual < bound;
    }
  }
  return false;
}

enum class Token : uint8_t { end, error, closed, comma, bang, double_equals, equals, greater, identifier, in, less,
                             not_equals, not_in, open };

struct Item {
  Token token = Token::end;
  std::string literal;
};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

Token symbol(std::string_view text) {
  static constexpr std::pair<std::string_view, Token> symbols[] = {
      {")", Token::closed}, {",", Token::comma},      {"!", Token::bang},   {"==", Token::double_equals},
      {"=", Token::equals}, {">", Token::greater},    {"<", Token::less},   {"!=", Token::not_equals},
      {"(", Token::open}};
  for (const auto& [word, token] : symbols) {
    if (word == text) return token;
  }
  return Token::error;
}

bool is_symbol(char c) { return std::string_view{"=!(),><"}.find(c) != std::string_view::npos; }

Item next_symbol(std::string_view& rest) {
  // The longest run of symbol characters that ends in a known symbol: "==" over "=", "!=" over "!".
  Item found{Token::error, {}};
  size_t length = 0, taken = 0;
  while (length < rest.size() && is_symbol(rest[length])) {
    ++length;
    const Token token = symbol(rest.substr(0, length));
    if (token != Token::error) {
      found = {token, std::string{rest.substr(0, length)}};
      taken = length;
    } else if (found.token != Token::error) {
      break;
    }
  }
  if (found.token == Token::error) {
    found.literal = "error expected: keyword found '" + std::string{rest.substr(0, length)} + "'";
    taken = length;
  }
  rest.remove_prefix(taken);
  return found;
}

std::vector<Item> scan(std::string_view text) {
  std::vector<Item> items;
  text = text.substr(0, text.find('\0'));
  while (true) {
    while (!text.empty() && is_space(text[0])) text.remove_prefix(1);
    if (text.empty()) break;
    if (is_symbol(text[0])) {
      items.push_back(next_symbol(text));
      continue;
    }
    size_t length = 0;
    while (length < text.size() && !is_space(text[length]) && !is_symbol(text[length])) ++length;
    const std::string_view word = text.substr(0, length);
    const Token token = word == "in" ? Token::in : word == "notin" ? Token::not_in : Token::identifier;
    items.push_back({token, std::string{word}});
    text.remove_prefix(length);
  }
  items.push_back({Token::end, {}});
  return items;
}

// The grammar of label selectors, by recursive descent over the tokens. `in` and `notin` are plain words except where
// an operator is expected.
class Parser {
 public:
  explicit Parser(std::string_view text) : items_(scan(text)) {}

  Result<std::vector<Requirement>> run() {
    std::vector<Requirement> requirements;
    while (true) {
      const Token token = peek();
      if (token == Token::end) return requirements;
      if (token != Token::identifier && token != Token::bang) {
        return expected(items_[at_].literal, "!, identifier, or 'end of string'");
      }
      Result<Requirement> requirement = parse_requirement();
      if (requirement.has_error()) {
        return Error{Reason::bad_request, "unable to parse requirement: " + requirement.error().message};
      }
      requirements.push_back(std::move(*requirement));
      const Item& separator = take();
      if (as_value(separator.token) == Token::end) return requirements;
      if (separator.token != Token::comma) return expected(separator.literal, "',' or 'end of string'");
      if (peek() != Token::identifier && peek() != Token::bang) {
        return expected(items_[at_].literal, "identifier after ','");
      }
    }
  }

 private:
  static Token as_value(Token token) {
    return token == Token::in || token == Token::not_in ? Token::identifier : token;
  }
  Token peek() const { return as_value(items_[at_].token); }
  const Item& take() {
    const Item& item = items_[at_];
    if (at_ + 1 < items_.size()) ++at_;
    return item;
  }
  static Error expected(std::string_view found, std::string_view what) {
    return {Reason::bad_request, "found '" + std::string{found} + "', expected: " + std::string{what}};
  }

  Result<Requirement> parse_requirement() {
    bool negated = false;
    const Item* key = &take();
    if (key->token == Token::bang) {
      negated = true;
      key = &take();
    }
    if (as_value(key->token) != Token::identifier) return expected(key->literal, "identifier");
    if (const names::Messages wrong = names::qualified_name(key->literal); !wrong.empty()) {
      return Error{Reason::bad_request, invalid("<nil>", key->literal, join(wrong, "; "))};
    }
    if (negated) return make_requirement(key->literal, Operator::does_not_exist, {});
    if (peek() == Token::end || peek() == Token::comma) return make_requirement(key->literal, Operator::exists, {});
    KRING_TRY(const Operator op, parse_operator());
    const bool listed = op == Operator::in || op == Operator::not_in;
    KRING_TRY(std::vector<std::string> values, listed ? parse_values() : parse_exact_value());
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    return make_requirement(key->literal, op, std::move(values));
  }

  Result<Operator> parse_operator() {
    const Item& item = take();
    switch (item.token) {
      case Token::in: return Operator::in;
      case Token::not_in: return Operator::not_in;
      case Token::equals: return Operator::equals;
      case Token::double_equals: return Operator::double_equals;
      case Token::not_equals: return Operator::not_equals;
      case Token::greater: return Operator::greater;
      case Token::less: return Operator::less;
      default: return expected(item.literal, "in, notin, =, ==, !=, gt, lt");
    }
  }

  Result<std::vector<std::string>> parse_exact_value() {
    if (peek() == Token::end || peek() == Token::comma) return std::vector<std::string>{""};
    const Item& item = take();
    if (as_value(item.token) != Token::identifier) return expected(item.literal, "identifier");
    return std::vector<std::string>{item.literal};
  }

  // "(a, b)", where a missing word is the empty value.
  Result<std::vector<std::string>> parse_values() {
    const Item& open = take();
    if (open.token != Token::open) {
      return Error{Reason::bad_request, "found '" + open.literal + "' expected: '('"};
    }
    if (peek() == Token::closed) {
      take();
      return std::vector<std::string>{""};
    }
    if (peek() != Token::identifier && peek() != Token::comma) {
      return expected(items_[at_].literal, "',', ')' or identifier");
    }
    std::vector<std::string> values;
    bool word_before = false;
    while (true) {
      const Item& item = take();
      if (as_value(item.token) == Token::identifier && !word_before) {
        values.push_back(item.literal);
        word_before = true;
        if (peek() != Token::comma && peek() != Token::closed) {
          return expected(items_[at_].literal, "',' or ')'");
        }
      } else if (item.token == Token::comma) {
        if (values.empty() || peek() == Token::comma || peek() == Token::closed) values.emplace_back();
        word_before = false;
        if (peek() == Token::closed) word_before = true;
      } else if (item.token == Token::closed && word_before) {
        return values;
      } else {
        return expected(item.literal, "',', or identifier");
      }
    }
  }

  std::vector<Item> items_;
  size_t at_ = 0;
};

void sort_by_key(std::vector<Requirement>& requirements) {
  std::sort(requirements.begin(), requirements.end(), [](const Requirement& a, const Requirement& b) {
    return std::tie(a.key, a.op, a.values) < std::tie(b.key, b.op, b.values);
  });
}

}  // namespace

std::string Requirement::to_string() const {
  std::string out = op == Operator::does_not_exist ? "!" + key : key;
  switch (op) {
    case Operator::exists:
    case Operator::does_not_exist: return out;
    case Operator::equals: out += "="; break;
    case Operator::double_equals: out += "=="; break;
    case Operator::not_equals: out += "!="; break;
    case Operator::in: out += " in ("; break;
    case Operator::not_in: out += " notin ("; break;
    case Operator::greater: out += ">"; break;
    case Operator::less: out += "<"; break;
  }
  out += join(values, ",");
  if (op == Operator::in || op == Operator::not_in) out += ")";
  return out;
}

Result<Requirement> make_requirement(std::string_view key, Operator op, std::vector<std::string> values) {
  std::vector<std::string> wrong;
  if (const names::Messages messages = names::qualified_name(key); !messages.empty()) {
    wrong.push_back(invalid("key", key, join(messages, "; ")));
  }
  if (const std::string_view count = refuse_count(op, values.size()); !count.empty()) {
    wrong.push_back("values: Invalid value: " + go_strings(values) + ": " + std::string{count});
  }
  const bool numeric = op == Operator::greater || op == Operator::less;
  int64_t number = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const std::string path = "values[" + std::to_string(i) + "]";
    if (numeric && !parse_int(values[i], number)) {
      wrong.push_back(invalid(path, values[i], "for 'Gt', 'Lt' operators, the value must be an integer"));
    }
  }
  for (size_t i = 0; i < values.size(); ++i) {
    const names::Messages messages = names::label_value(values[i]);
    if (messages.empty()) continue;
    wrong.push_back(invalid("values[" + std::to_string(i) + "][" + std::string{key} + "]", values[i],
                            join(messages, "; ")));
  }
  if (!wrong.empty()) return Error{Reason::bad_request, aggregate(wrong)};
  std::sort(values.begin(), values.end());
  return Requirement{std::string{key}, op, std::move(values)};
}

Selector Selector::nothing() {
  Selector selector;
  selector.nothing_ = true;
  return selector;
}

Result<Selector> Selector::parse(std::string_view text) {
  KRING_TRY(std::vector<Requirement> requirements, Parser{text}.run());
  Selector selector;
  selector.requirements_ = std::move(requirements);
  sort_by_key(selector.requirements_);
  return selector;
}

Result<Selector> Selector::from_label_selector(const json::Value* value) {
  if (value == nullptr || value->is_null()) return nothing();
  Selector selector;
  if (const json::Value* map = value->find("matchLabels"); map != nullptr && map->is_object()) {
    for (const json::Member& member : map->as_object()) {
      const std::string label = member.value.is_string() ? member.value.as_string() : std::string{};
      KRING_TRY(Requirement requirement, make_requirement(member.key, Operator::equals, {label}));
      selector.requirements_.push_back(std::move(requirement));
    }
  }
  const json::Value* expressions = value->find("matchExpressions");
  if (expressions != nullptr && expressions->is_array()) {
    for (const json::Value& expression : expressions->as_array()) {
      static constexpr std::pair<std::string_view, Operator> operators[] = {
          {"In", Operator::in},
          {"NotIn", Operator::not_in},
          {"Exists", Operator::exists},
          {"DoesNotExist", Operator::does_not_exist}};
      const std::string_view name = expression.string_or("operator");
      const auto* found = std::find_if(std::begin(operators), std::end(operators),
                                       [&](const auto& entry) { return entry.first == name; });
      if (found == std::end(operators)) {
        return Error{Reason::bad_request, go_quote(name) + " is not a valid label selector operator"};
      }
      std::vector<std::string> values;
      if (const json::Value* list = expression.find("values"); list != nullptr && list->is_array()) {
        for (const json::Value& item : list->as_array()) {
          if (item.is_string()) values.push_back(item.as_string());
        }
      }
      KRING_TRY(Requirement requirement,
                make_requirement(expression.string_or("key"), found->second, std::move(values)));
      selector.requirements_.push_back(std::move(requirement));
    }
  }
  sort_by_key(selector.requirements_);
  return selector;
}

Selector Selector::from_map(const json::Value* map) {
  Selector selector;
  if (map == nullptr || !map->is_object()) return selector;
  for (const json::Member& member : map->as_object()) {
    selector.requirements_.push_back(
        {member.key, Operator::equals, {member.value.is_string() ? member.value.as_string() : std::string{}}});
  }
  sort_by_key(selector.requirements_);
  return selector;
}

void Selector::add(Requirement requirement) {
  requirements_.push_back(std::move(requirement));
  sort_by_key(requirements_);
}

bool Selector::matches_lookup(Lookup lookup) const {
  if (nothing_) return false;
  return std::all_of(requirements_.begin(), requirements_.end(), [&](const Requirement& requirement) {
    return holds(requirement, lookup.find(lookup.labels, requirement.key));
  });
}

bool Selector::matches(std::span<const Pair> pairs) const {
  return matches_with([&](std::string_view key) -> std::optional<std::string_view> {
    for (const Pair& pair : pairs) {
      if (pair.first == key) return pair.second;
    }
    return std::nullopt;
  });
}

bool Selector::matches(const json::Value* object) const {
  return matches_with([&](std::string_view key) -> std::optional<std::string_view> {
    const json::Value* value = object == nullptr ? nullptr : object->find(key);
    if (value == nullptr || !value->is_string()) return std::nullopt;
    return value->as_string();
  });
}

std::optional<std::string_view> Selector::exact(std::string_view key) const {
  for (const Requirement& requirement : requirements_) {
    const bool equality = requirement.op == Operator::equals || requirement.op == Operator::double_equals ||
                          requirement.op == Operator::in;
    if (requirement.key == key && equality && requirement.values.size() == 1) return requirement.values[0];
  }
  return std::nullopt;
}

std::string Selector::to_string() const {
  std::vector<std::string> parts;
  for (const Requirement& requirement : requirements_) parts.push_back(requirement.to_string());
  return join(parts, ",");
}

}  // namespace kring::labels
