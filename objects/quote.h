// Texts in messages as Go prints them, so that clients which compare or grep them find what they know.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace kring {

// strconv.Quote: "a\"b\n\u00a0".
std::string go_quote(std::string_view text);
// Several messages as k8s.io/apimachinery aggregates errors: repeats dropped, one alone is itself, more are "[a, b]".
std::string aggregate(std::span<const std::string> messages);
std::string join(std::span<const std::string> parts, std::string_view separator);
std::string join(std::span<const std::string_view> parts, std::string_view separator);

}  // namespace kring
