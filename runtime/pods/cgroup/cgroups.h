// Resource groups of pods: PREFIX/<qos>/pod<uid>/<container>.<attempt>, in cgroup v2 or, where a node still has it,
// in the v1 hierarchies (with v2 beside them on hybrid nodes: then v2 kills and v1 limits).
// Invariants: what the node's kernel does not offer is in missing() and otherwise left out, it never stops a pod; only
// directories below PREFIX are ever made, written to or removed. A group has one directory in every hierarchy used.
// Sources: Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/*.rst; kubelet's cm package for weights and periods.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "objects/result.h"
#include "runtime/env/processes.h"

namespace kring::cgroup {

// One mounted hierarchy.
struct Hierarchy {
  std::string path;                      // where it is mounted
  std::vector<std::string> controllers;  // of v1; for v2 what cgroup.controllers says
  bool unified = false;
};

// What a process needs to know of its group.
struct Membership {
  std::vector<std::string> procs;  // files to write a pid into, one for each hierarchy
  std::string kill;                // cgroup.kill, or a cgroup.procs to go through
  std::string oom;                 // holds "oom_kill N"; empty when there is no memory controller
};

enum class Devices { standard, all };  // the harmless ones of every container, or no restriction

class Cgroups {
 public:
  // Reads /proc/self/mountinfo. `prefix` is one directory name.
  static Cgroups detect(std::string prefix);
  Cgroups(std::vector<Hierarchy> hierarchies, std::string prefix);

  // Controllers that limits need and this node lacks: of cpu, memory, pids, devices. Sentences for a condition.
  std::vector<std::string> missing() const;
  bool unified() const;  // v2 only
  // v1 hierarchies to show inside a container: "memory", "cpu,cpuacct", "" for v2.
  std::vector<std::string> shown() const;

  static std::string pod_group(std::string_view qos_class, std::string_view uid);
  static std::string container_group(const std::string& pod_group, std::string_view name, uint32_t attempt);

  // The group where keepers live: outside their pods, so that a pod's limits never stop its keeper.
  Result<Membership> make_keepers();
  Result<void> make_pod(const std::string& group, const CgroupLimits& limits);
  Result<Membership> make_container(const std::string& group, const CgroupLimits& limits, Devices devices);
  // Kills every process of the group and below.
  void kill(const std::string& group) const;
  // True when nothing of the group is left; false while processes are still ending.
  bool remove(const std::string& group) const;
  // Removes PREFIX itself when nothing is in it.
  bool remove_all() const { return remove(""); }
  // Names of the pod groups that exist ("besteffort/pod123"), for reset and for groups without a record.
  std::vector<std::string> pod_groups() const;
  Result<PodUsage> usage(const std::string& group) const;

 private:
  std::string directory(const Hierarchy& hierarchy, const std::string& group) const;
  const Hierarchy* with(std::string_view controller) const;
  Result<void> make(const std::string& group);
  Result<void> limit(const std::string& group, const CgroupLimits& limits, bool leaf);

  std::vector<Hierarchy> hierarchies_;
  std::string prefix_;
};

// cpu.shares of v1 for a request, and the cpu.weight of v2 that stands for the same (KEP-2254).
uint64_t cpu_shares(int64_t milli);
uint64_t cpu_weight(int64_t milli);

}  // namespace kring::cgroup
