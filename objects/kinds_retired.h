// The versions in which kinds are served besides the stored one: retired and beta versions that old manifests and old
// clients still use. They are spellings of the same stored objects.
#pragma once

#include <span>
#include <string_view>

#include "objects/json.h"

namespace kring {

struct OtherVersion {
  std::string_view api_version;  // "extensions/v1beta1"
  std::string_view kind_id;      // "apps/Deployment": Kind::id() of what is stored
  Result<void> (*to_hub)(json::Value&);
  Result<void> (*from_hub)(json::Value&);
  std::string_view table;    // the table of this version's shape; empty: the hub's
  std::string_view warning;  // what clients are told; empty: the version is not deprecated at our level
};

std::span<const OtherVersion> other_versions();

}  // namespace kring
