// Base64 with the standard alphabet and padding, exactly as Go reads []byte fields: line breaks are ignored, anything
// else outside the alphabet is an error that names its place. Source: RFC 4648 section 4.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "objects/result.h"

namespace kring {

std::string base64_encode(std::span<const uint8_t> bytes);
std::string base64_encode(std::string_view bytes);
// Errors: bad_request, "illegal base64 data at input byte 4".
Result<std::vector<uint8_t>> base64_decode(std::string_view text);
// The same into a string, for text that happens to be encoded.
Result<std::string> base64_decode_text(std::string_view text);
// RFC 4648 section 5 without padding, as in JSON web tokens.
std::string base64url_encode(std::string_view bytes);
Result<std::string> base64url_decode(std::string_view text);

}  // namespace kring
