// Paths below an untrusted root, by descriptor only (openat2). Used in the confined child and by verify().
#pragma once

#include <string>

#include "objects/result.h"
#include "runtime/env/linux/unique_fd.h"

namespace kring::images {

// An O_PATH (or `flags`) descriptor of `path` below `root`; symbolic links are followed but never out of it, magic
// links not at all. "" is the root itself.
Result<UniqueFd> open_in_root(int root, const std::string& path, int flags);
// The same, following no symbolic link anywhere.
Result<UniqueFd> open_without_links(int root, const std::string& path, int flags);
// Deletes a directory's content and then it, never leaving it and following no link. `name` is below `parent`.
Result<void> remove_tree_at(int parent, const std::string& name);

// Cleans a member name: "./a//b/" -> "a/b". Errors: corrupt for "..", NUL, too long, too deep. "" is the root.
Result<std::string> clean_member_name(std::string_view name);

}  // namespace kring::images
