// Who a container runs as: the pod's security context first, then the image's USER, resolved with the image's own
// /etc/passwd and /etc/group. Pure: texts in, numbers out.
// Source: containerd's CRI (oci.WithUser, WithAdditionalGIDs) and moby's wording of the errors.
#pragma once

#include <span>
#include <string_view>

#include "runtime/pods/keeper/spec.h"
#include "runtime/pods/keeper/text.h"

namespace kring::keeper {

// Larger files are refused, they are no user database but an attack on memory.
inline constexpr size_t user_database_bytes_max = 1 << 20;

struct Identity {
  uint32_t uid = 0, gid = 0;
  uint32_t group_count = 0;
  uint32_t groups[groups_max + 1] = {};  // supplementary, without duplicates, the primary group among them
  Text<1024> home;                       // "/" when the database does not know
};

// Numbers must fit a uid_t that is not (uid_t)-1; Kubernetes allows up to 2^31-1. A text that is no such number is
// looked up as a name, so an overflowing number is a user that does not exist.
bool resolve_user(const ContainerSpec& spec, std::string_view passwd, std::string_view group, Identity& out,
                  Fault& fault);

}  // namespace kring::keeper
