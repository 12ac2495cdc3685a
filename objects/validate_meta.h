// Metadata that every object has: names, labels, annotations, owners and finalizers.
// Source: k8s.io/apimachinery ObjectMeta rules, as the API reference describes them.
#pragma once

#include "objects/hooks.h"
#include "objects/names.h"

namespace kring {

// How objects of a kind may be named.
names::Rule name_rule(const Kind& kind);

void validate_meta_create(const Kind& kind, const json::Value& object, FieldErrors& errors);
void validate_meta_update(const Kind& kind, const json::Value& object, const json::Value& old, FieldErrors& errors);
// Labels as any map of them: a template's, a selector's. `path` is the map's.
void validate_labels(const json::Value& labels, const std::string& path, FieldErrors& errors);

}  // namespace kring
