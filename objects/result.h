// Result<T>: a value or an Error; what every function that can fail for an expected reason returns.
// Early return: KRING_TRY(auto x, f()) in plain functions, KRING_CO_TRY(auto x, co_await f()) in coroutines; both are
// plain statements. KRING_CHECK_OK-style shortcuts do not exist: handle or return.
#pragma once

#include <boost/system/result.hpp>
#include <utility>

#include "objects/error.h"

namespace kring {

template <class T = void>
using Result = boost::system::result<T, Error>;

// Never reached: `value()` on an error is a bug; check before.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

// True for an error that is worth a log line: everything but a cancellation.
template <class T>
bool failed(const Result<T>& result) {
  return result.has_error() && result.error().reason != Reason::canceled;
}

}  // namespace kring

#define KRING_JOIN_(a, b) a##b
#define KRING_JOIN(a, b) KRING_JOIN_(a, b)
#define KRING_TRY_(tmp, declaration, expression, ret) \
  auto tmp = (expression);                            \
  if (tmp.has_error()) ret std::move(tmp).error();    \
  declaration = std::move(*tmp)
#define KRING_TRY(declaration, expression) \
  KRING_TRY_(KRING_JOIN(kring_try_, __LINE__), declaration, expression, return)
#define KRING_CO_TRY(declaration, expression) \
  KRING_TRY_(KRING_JOIN(kring_try_, __LINE__), declaration, expression, co_return)
// The same for Result<void>.
#define KRING_TRY_VOID(expression)                                           \
  do {                                                                       \
    if (auto kring_try_void = (expression); kring_try_void.has_error())      \
      return std::move(kring_try_void).error();                              \
  } while (false)
#define KRING_CO_TRY_VOID(expression)                                        \
  do {                                                                       \
    if (auto kring_try_void = (expression); kring_try_void.has_error())      \
      co_return std::move(kring_try_void).error();                           \
  } while (false)
