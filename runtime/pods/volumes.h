// The volumes of a pod on this node: hostPath with its checks, emptyDir on disk and in memory, and those filled from
// objects (configMap, secret, downwardAPI, projected), which follow their objects while the pod runs.
// Invariants: nothing of a volume is reached through a symlink that a pod made; files from objects change all at once
// (HostFiles::publish); what a pod mounts is known before anything starts.
// Lifetime: services outlive it.
// Source: kubernetes.io/docs/concepts/storage/volumes, projected-volumes; messages as kubelet words them.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "runtime/env/host.h"
#include "runtime/env/processes.h"
#include "runtime/pods/environment.h"
#include "runtime/pods/pod_plan.h"

namespace kring::core {
struct Volume;
struct VolumeMount;
}  // namespace kring::core

namespace kring::pods {

// Makes ServiceAccount tokens for projected volumes; null where nobody does.
class TokenIssuer {
 public:
  virtual ~TokenIssuer() = default;
  struct Request {
    std::string ns, service_account, pod_name, pod_uid, audience;
    int64_t expiration_seconds = 3600;
  };
  virtual Task<Result<std::string>> issue(Request request) = 0;
};

// Text of projected tokens, by volume name and path, made before the volume is filled.
using Tokens = std::map<std::pair<std::string, std::string>, std::string>;

// Objects that volumes are filled from.
std::set<ObjectKey> volume_references(const core::Pod& pod);
// Tokens that volumes ask for.
struct TokenWish {
  std::string volume, path, audience;
  int64_t expiration_seconds = 3600;
};
std::vector<TokenWish> token_wishes(const core::Pod& pod);

// What is wrong with a volume, for the event FailedMount:
// `MountVolume.SetUp failed for volume "x" : hostPath type check failed: /x is not a directory`.
struct VolumeError {
  std::string volume, message;
};

class Volumes {
 public:
  Volumes(HostFiles& files, PodPaths paths) : files_(files), paths_(std::move(paths)) {}

  // Makes and fills every volume of the pod. Idempotent. The first error of each volume.
  std::vector<VolumeError> set_up(const core::Pod& pod, const Sources& sources, const DownwardFacts& facts,
                                  const Tokens& tokens);
  // Fills the volumes made from objects again (they change while the pod runs).
  std::vector<VolumeError> refresh(const core::Pod& pod, const Sources& sources, const DownwardFacts& facts,
                                   const Tokens& tokens);
  // What a container mounts; makes sub paths. `values` expand subPathExpr. An error is the message of
  // CreateContainerConfigError.
  Result<std::vector<PodMount>> mounts_of(const core::Pod& pod, const core::Container& container,
                                          const std::map<std::string, std::string>& values);
  // Unmounts tmpfs volumes, from the paths alone (the pod object may be gone).
  void unmount();
  // The first emptyDir over its sizeLimit, or empty.
  Task<Result<std::string>> over_limit(ObjectPtr pod);

 private:
  Result<void> set_up_one(const core::Pod& pod, const core::Volume& volume, const Sources& sources,
                          const DownwardFacts& facts, const Tokens& tokens);
  Result<void> host_path(const core::Volume& volume);
  Result<void> empty_dir(const core::Pod& pod, const core::Volume& volume);
  Result<void> filled(const core::Pod& pod, const core::Volume& volume, const Sources& sources,
                      const DownwardFacts& facts, const Tokens& tokens);
  Result<PodMount> mount_of(const core::Volume& volume, const core::VolumeMount& mount,
                            const std::map<std::string, std::string>& values);

  HostFiles& files_;
  PodPaths paths_;
};

}  // namespace kring::pods
