#include "objects/fields.h"

#include <algorithm>

#include "objects/quote.h"
#include "objects/utf8.h"

namespace kring::fields {

namespace {

Error refused(std::string message) { return {Reason::bad_request, std::move(message)}; }

Result<std::string> unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') {
      const std::string_view next = text.substr(i + 1);
      if (next.empty()) return refused("invalid field selector: invalid escape sequence: \\");
      if (next[0] != '\\' && next[0] != ',' && next[0] != '=') {
        const std::string_view rune = next.substr(0, utf8::decode(next).bytes);
        return refused("invalid field selector: invalid escape sequence: \\" + std::string{rune});
      }
      out.push_back(next[0]);
      ++i;
    } else if (c == ',' || c == '=') {
      // The character's number, as Kubernetes prints it.
      return refused("invalid field selector: unescaped character in value: " + std::to_string(static_cast<int>(c)));
    } else {
      out.push_back(c);
    }
  }
  return out;
}

// At commas that are not escaped.
std::vector<std::string_view> split_terms(std::string_view text) {
  std::vector<std::string_view> terms;
  size_t start = 0;
  bool escaped = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (escaped) {
      escaped = false;
    } else if (text[i] == '\\') {
      escaped = true;
    } else if (text[i] == ',') {
      terms.push_back(text.substr(start, i - start));
      start = i + 1;
    }
  }
  terms.push_back(text.substr(start));
  return terms;
}

}  // namespace

Result<Selector> Selector::parse(std::string_view text) {
  Selector selector;
  std::vector<std::string_view> parts = split_terms(text);
  std::sort(parts.begin(), parts.end());
  for (std::string_view part : parts) {
    if (part.empty()) continue;
    const size_t equals = part.find('='), bang = part.find("!=");
    if (equals == std::string_view::npos) {
      return refused("invalid selector: '" + std::string{text} + "'; can't understand '" + std::string{part} + "'");
    }
    const bool negated = bang < equals;
    const size_t start = negated ? bang : equals;
    const size_t length = negated || part.substr(equals).starts_with("==") ? 2 : 1;
    KRING_TRY(std::string value, unescape(part.substr(start + length)));
    selector.terms_.push_back({std::string{part.substr(0, start)}, std::move(value), negated});
  }
  return selector;
}

std::optional<std::string_view> Selector::exact(std::string_view field) const {
  for (const Term& term : terms_) {
    if (term.field == field && !term.negated) return term.value;
  }
  return std::nullopt;
}

std::string Selector::to_string() const {
  std::vector<std::string> parts;
  for (const Term& term : terms_) parts.push_back(term.field + (term.negated ? "!=" : "=") + escape(term.value));
  return join(parts, ",");
}

std::string escape(std::string_view value) {
  std::string out;
  for (char c : value) {
    if (c == '\\' || c == ',' || c == '=') out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

}  // namespace kring::fields
