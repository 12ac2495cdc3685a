// The fuzz targets: each takes any bytes, checks what must hold for all of them and dies when it does not. The fuzz
// preset makes a libFuzzer program of each; the other presets run them over tests/fuzz/corpus and mutations of it.
#pragma once

#include <span>
#include <string_view>

namespace kring::fuzz {

struct Target {
  std::string_view name;
  void (*run)(std::string_view input);
};
std::span<const Target> all_targets();

void json(std::string_view input);
void yaml(std::string_view input);
void patch(std::string_view input);
void quantity(std::string_view input);
void time(std::string_view input);
void selector(std::string_view input);
void codec(std::string_view input);
void image_documents(std::string_view input);
void image_layer(std::string_view input);
void http_request(std::string_view input);
void dns_answer(std::string_view input);
void keeper_message(std::string_view input);

}  // namespace kring::fuzz
