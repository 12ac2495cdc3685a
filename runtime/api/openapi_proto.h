// An OpenAPI v2 document in gnostic's protobuf form (openapi.v2.Document), written from the same JSON values.
#pragma once

#include <string>
#include <string_view>

#include "objects/json.h"

namespace kring::api {

class OpenApiProto {
 public:
  void info(std::string_view title, std::string_view version);
  // REQUIRES: a paths object as OpenAPI v2 has it; once.
  void paths(const json::Object& paths);
  void definition(std::string_view name, const json::Value& schema);
  std::string finish();

 private:
  std::string document_;
  std::string definitions_;
};

}  // namespace kring::api
