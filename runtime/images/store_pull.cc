#include "runtime/images/store.h"

namespace kring::images {

Task<Result<Image>> Store::pull(std::string reference, std::vector<Credentials> credentials) {
  KRING_CO_TRY(auto parsed, parse_reference(reference));
  co_return Error{Reason::service_unavailable, "cannot pull " + parsed.str() + " (" + std::to_string(credentials.size()) +
                                                   " credentials): no registry client in this build"};
}

}  // namespace kring::images
