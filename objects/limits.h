// Every bound of the program in one place, with its reason. Units are in the names.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kring::limits {

inline constexpr size_t KiB = 1024;
inline constexpr size_t MiB = 1024 * KiB;

// A request body: what kube-apiserver allows (3 MiB), so that a client's limits keep their meaning.
inline constexpr size_t request_body_bytes_max = 3 * MiB;
// One stored object; etcd's default request limit is 1.5 MiB.
inline constexpr size_t object_bytes_max = 3 * MiB / 2;
inline constexpr size_t log_record_header_bytes = 64;
inline constexpr size_t log_record_bytes_max = 2 * MiB;
static_assert(log_record_bytes_max > object_bytes_max + 1024 + log_record_header_bytes);
// One frame of the log: what one group commit writes. At least one record of the largest size.
inline constexpr size_t log_frame_bytes_max = 4 * MiB;
static_assert(log_frame_bytes_max > log_record_bytes_max + 64 * KiB);
inline constexpr uint32_t log_frame_records_max = 4096;
// Files the log goes round in: the one in use, those since the older snapshot, and one to spare while no snapshot can
// be written.
inline constexpr uint32_t log_segments_max = 5;
// Writes that wait for the disk; more are refused with 429.
inline constexpr size_t store_pending_bytes_max = 32 * MiB;
// Revisions that one reservation in the log allows memory-only writes to use: at one write a second a day's worth, so
// that an idle node does not write.
inline constexpr uint64_t revision_ceiling_step = 100'000;
// Nesting of JSON and YAML.
inline constexpr uint32_t json_depth_max = 100;
inline constexpr uint32_t json_values_max = 1'000'000;
// Aliases of one YAML document may expand to so many values in all.
inline constexpr uint32_t yaml_values_max = 200'000;
// Operations of one JSON patch, as kube-apiserver.
inline constexpr size_t json_patch_operations_max = 10'000;
// What its copy operations may add in all, as kube-apiserver, and what any patch may look at or move: about a tenth of
// a second of work.
inline constexpr size_t json_patch_copy_bytes_max = 3 * MiB;
inline constexpr uint64_t patch_steps_max = 50'000'000;
// HTTP.
inline constexpr size_t http_header_bytes_max = 64 * KiB;
inline constexpr size_t http_target_bytes_max = 16 * KiB;
inline constexpr uint32_t http_connections_max = 4096;
inline constexpr uint32_t http_header_timeout_ms = 10'000;
inline constexpr uint32_t http_body_timeout_ms = 60'000;
inline constexpr uint32_t http_idle_timeout_ms = 180'000;
inline constexpr uint32_t http_write_timeout_ms = 60'000;
// Events kept for watchers; one that falls behind is told 410 Gone and lists again.
inline constexpr uint32_t watch_events_max = 2048;
inline constexpr size_t watch_events_bytes_max = 2 * MiB;
// Images. A document (index, manifest, config) is read into memory; registries cap manifests at 4 MiB.
inline constexpr size_t image_document_bytes_max = 4 * MiB;
inline constexpr size_t image_manifests_max = 1000;
// Overlayfs stacks at most 500 lower layers, its mount options at most a page of paths.
inline constexpr size_t image_layers_max = 127;
// One unpacked layer: larger than any published image's, smaller than what an archive of a few megabytes can claim.
inline constexpr uint64_t image_layer_bytes_max = uint64_t{16} * 1024 * MiB;
inline constexpr uint64_t image_layer_entries_max = 1'000'000;
inline constexpr size_t image_path_bytes_max = 4096;
inline constexpr uint32_t image_path_depth_max = 256;
inline constexpr uint64_t image_archive_entries_max = 100'000;
// Memory and processor time of the process that unpacks.
inline constexpr uint64_t image_unpack_memory_bytes_max = 512 * MiB;
inline constexpr uint64_t image_unpack_cpu_seconds_max = 3600;
// A turn of the loop longer than this is a bug worth a log line.
inline constexpr uint32_t loop_turn_ms_max = 10;

}  // namespace kring::limits
