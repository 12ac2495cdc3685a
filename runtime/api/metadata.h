// Object metadata as the server keeps it: what a client may not choose is put in place here.
// Source: k8s.io/apiserver registry/rest (BeforeCreate, BeforeUpdate, BeforeDelete).
#pragma once

#include <string>
#include <string_view>

#include "objects/json.h"
#include "objects/kinds.h"
#include "objects/object.h"
#include "runtime/env/env.h"

namespace kring::api {

// "2026-01-02T03:04:05Z"
std::string timestamp(Wall when);

// The metadata of an object value, made when absent. REQUIRES: object is an object.
json::Object& metadata_of(json::Value& object);
// A text member of metadata; empty when absent.
std::string_view metadata_text(const json::Value& object, std::string_view key);
bool has_finalizer(const json::Value& object, std::string_view finalizer);
bool has_finalizers(const json::Value& object);
bool is_deleting(const json::Value& object);

// The namespace of a body agrees with the path's: set when it is absent. bad_request otherwise.
Result<void> settle_namespace(const Kind& kind, std::string_view ns, json::Value& object);

// A new object: uid, creationTimestamp; nothing of deletion, no revision, no managed fields.
void stamp_create(Env& env, json::Object& meta);
// An update keeps what the server owns from the stored object.
void stamp_update(json::Object& meta, const json::Object& old);

// Kinds whose metadata.generation counts changes of the desired state.
bool counts_generation(const Kind& kind);
// True when anything outside metadata and status differs.
bool desired_state_differs(const json::Value& a, const json::Value& b);

bool has_subresource(const Kind& kind, std::string_view name);

}  // namespace kring::api
