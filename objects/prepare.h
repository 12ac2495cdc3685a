// What create and update set or clear before validation, per kind, beyond what the API server does for every kind
// (uid, times, generation, keeping status and spec apart).
#pragma once

#include <string_view>

#include "objects/json.h"

namespace kring::prepare {

void create_pod(json::Value& object);
void create_namespace(json::Value& object);
void create_persistent_volume(json::Value& object);
void create_persistent_volume_claim(json::Value& object);
void create_job(json::Value& object);
// stringData is written into data and never stored.
void create_secret(json::Value& object);
void update_secret(json::Value& object, const json::Value& old, std::string_view subresource);
void update_pod(json::Value& object, const json::Value& old, std::string_view subresource);

}  // namespace kring::prepare
