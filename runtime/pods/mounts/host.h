// The node's own file tree, where pods have left things: removing directories that strangers filled, and mounts.
// Nothing here follows a symbolic link or leaves the directory it was given.
#pragma once

#include <string>
#include <vector>

#include "objects/result.h"
#include "runtime/pods/keeper/sys.h"

namespace kring::mounts {

// Removes a directory tree a slice at a time, so that the loop is never held up by a large one.
// Invariants: only entries below `path` are removed, whoever renames what meanwhile; it does not enter mounts (the
// directory under a mount stays, and done() reports it); at most a few descriptors are open, however deep the tree is.
class TreeRemover {
 public:
  // `path` is absolute; its last component may not be a symbolic link. What is not there is removed already.
  explicit TreeRemover(std::string path);
  // Removes up to `entries` entries. True when there is nothing more to do.
  bool step(size_t entries);
  // After step() returned true: what could not be removed.
  const Result<void>& result() const { return result_; }

 private:
  struct Level {
    sys::Fd directory;
    std::string name;
    std::vector<std::string> entries;
    bool listed = false;
  };
  bool fail(const std::string& what, int error_number);
  bool list(Level& level);
  void descend(Level& level, const std::string& name);
  void leave();

  std::string path_;
  sys::Fd top_;           // the parent of `path`
  uint64_t device_ = 0;   // where the tree lives; another one is a mount
  uint64_t moved_ = 0;    // directories too deep, brought up to the root of the tree
  std::vector<Level> levels_;
  bool done_ = false;
  Result<void> result_;
};

// Unmounts whatever is mounted at or below `path`, deepest first; busy ones are detached.
Result<void> unmount_below(const std::string& path);

// A tmpfs at `path` (a directory that exists), for memory-backed volumes that the containers of a pod share.
Result<void> mount_tmpfs(const std::string& path, uint64_t bytes_max);

// True when something is mounted exactly at `path`.
bool is_mount_point(const std::string& path);

// mkdir -p with 0700 for what is missing.
Result<void> make_directories(const std::string& path);

// Whole small file, at most `bytes_max` of it; not through a link at the end, and only a regular file.
Result<std::string> read_small_file(const std::string& path, size_t bytes_max);
// Written under another name and renamed.
Result<void> write_small_file(const std::string& path, std::string_view content);
Result<std::vector<std::string>> list_directories(const std::string& path);

}  // namespace kring::mounts
