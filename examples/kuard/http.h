// HTTP/1.1 as the demo workload speaks it: one blocking thread a connection, keep-alive, every dimension bounded.
// Source: RFC 9110, RFC 9112.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kuard {

inline constexpr size_t head_bytes_max = 16 * 1024;
inline constexpr size_t headers_max = 100;
inline constexpr size_t body_bytes_max = 64 * 1024;
inline constexpr int connections_max = 128;
inline constexpr int request_seconds_max = 10;  // from the first byte to the last
inline constexpr int idle_seconds_max = 60;

struct Request {
  std::string method, target, version;
  std::string path;  // percent-decoded, without the query
  std::map<std::string, std::string> query;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string remote;  // "10.0.0.7:4711"

  std::string_view header(std::string_view name) const;
  // A value of the query, or of a form or JSON body.
  std::map<std::string, std::string> parameters() const;
};

struct Response {
  int status = 200;
  std::string content_type = "text/html; charset=utf-8";
  std::string body;
  std::string location;
  // A file to send instead of `body`: an open descriptor and its size; closed when sent.
  int file = -1;
  uint64_t file_bytes = 0;
};

// Parses the head (request line and header lines, without the empty line). A status to answer with on failure.
std::optional<Request> parse_head(std::string_view head, int& status);
std::string_view status_text(int status);

using Handler = std::function<Response(const Request&)>;

// Listens on `address` (":8080", "127.0.0.1:8080", "[::1]:8080"); -1 with the reason in `error`.
int listen_on(std::string_view address, std::string& error);
// Where a listener really is: "127.0.0.1:43210" after port 0.
std::string local_address(int listener);
// Accepts and serves until `stop_fd` becomes readable, then lets requests in progress finish (a few seconds).
void serve(int listener, int stop_fd, const Handler& handler);

}  // namespace kuard
