#include "objects/codec.h"
#include "runtime/client/client.h"

namespace kring::client {
namespace {

// Each lost race is another writer's progress; so many in a row mean that someone fights for the object.
constexpr int attempts_max = 64;

}  // namespace

Task<Result<ObjectPtr>> edit(Client& client, const Kind& kind, ObjectName name, std::string subresource,
                             WriteOptions options, std::function<bool(json::Value&)> edit) {
  for (int attempt = 1;; ++attempt) {
    auto current = co_await client.get(kind, name);
    if (current.has_error()) co_return std::move(current).error();
    // The value carries the revision it is of, which makes the update a compare-and-swap.
    json::Value value = codec::to_value(**current);
    if (!edit(value)) co_return std::move(*current);
    auto written = co_await client.update(kind, name, std::move(value), subresource, options);
    if (written.has_value() || written.error().reason != Reason::conflict || attempt == attempts_max) {
      co_return written;
    }
  }
}

}  // namespace kring::client
