#include "objects/result.h"

#include "objects/check.h"

namespace kring {

void throw_exception_from_error(const Error& error, const boost::source_location& where) {
  check_failed("result has a value", where.file_name(), static_cast<int>(where.line()), to_string(error));
}

}  // namespace kring
