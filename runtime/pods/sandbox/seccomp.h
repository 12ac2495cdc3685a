// System call filters as BPF programs, for this machine's architecture; made in kring, loaded by the container's
// first process. Other ABIs of the machine (x32, i386, 32-bit arm) are refused as a whole (S13).
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "runtime/env/processes.h"

namespace kring::sandbox {

// The default program of every set of capabilities that was asked for: making one takes milliseconds, and nearly all
// containers have the same.
using FilterCache = std::map<uint64_t, std::vector<uint8_t>>;

// struct sock_filter[] as bytes; empty for unconfined. For Seccomp::localhost the profile file is read: a profile
// that is missing, empty or malformed is an error, never an unconfined container.
Result<std::vector<uint8_t>> seccomp_program(const SecurityConfig& security, FilterCache& cache);

// A profile in the JSON form of OCI and moby (defaultAction, syscalls with names, action, args). For tests.
Result<std::vector<uint8_t>> compile_profile(std::string_view json);

// The default profile for a container with these capabilities.
Result<std::vector<uint8_t>> default_profile(uint64_t capabilities);

}  // namespace kring::sandbox
