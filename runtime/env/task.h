// Task<T>: the one coroutine type, an asio::awaitable on the concrete executor of the loop (never any_io_executor: it
// costs a quarter of the speed and half the compile time).
// Rules (DESIGN 4, style 3.5-3.9): parameters by value, or by reference to services only; no capturing lambda
// coroutines; co_spawn only in runtime/tasks; one co_await per statement; state may change across every co_await.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "objects/result.h"

namespace kring {

namespace asio = boost::asio;

using Executor = asio::io_context::executor_type;
template <class T = void>
using Task = asio::awaitable<T, Executor>;
inline constexpr asio::use_awaitable_t<Executor> use_task{};

}  // namespace kring
