// The files of a volume that is filled from objects: pure.
#pragma once

#include "runtime/env/host.h"
#include "runtime/pods/volumes.h"

namespace kring::pods {

// True for configMap, secret, downwardAPI and projected volumes.
bool filled_from_objects(const core::Volume& volume);

// Errors are worded as kubelet's: `references non-existent config key: k`, `configmap "c" not found`.
Result<std::vector<VolumeFile>> volume_files(const core::Pod& pod, const core::Volume& volume, const Sources& sources,
                                             const DownwardFacts& facts, const Tokens& tokens);

}  // namespace kring::pods
