// Pieces of HTTP/1.1 messages that need no connection: targets, response heads, dates, the body of a Status.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/http/http.h"

namespace kring::http {

// Fills path and query from request.target. False for a malformed target: bad percent escapes, a NUL, no leading slash
// (after the scheme and authority of the absolute form). `*` and CONNECT's authority form are no targets here.
bool parse_target(Request& request);
// False for a malformed escape. '+' is a space in queries only.
bool percent_decode(std::string_view text, bool plus_is_space, std::string& out);

// "OK", "Not Found", ...
std::string_view reason_phrase(int status);
// IMF-fixdate: "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7).
std::string http_date(int64_t seconds);

bool equal_ignoring_case(std::string_view a, std::string_view b);
// Whether a comma-separated field holds this token.
bool has_token(std::string_view list, std::string_view token);

// Appends `name: value\r\n`; bytes that would end the line become spaces, so that no value can add a header.
void append_header(std::string& head, std::string_view name, std::string_view value);

// The JSON of a Kubernetes Status for an error that the transport itself answers.
std::string status_body(int code, std::string_view reason, std::string_view message);

}  // namespace kring::http
