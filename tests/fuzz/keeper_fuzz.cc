// What crosses between kring and its keepers, and what a keeper reads from an image: messages, specs, user databases.
#include <cstdlib>
#include <vector>

#include "runtime/pods/keeper/protocol.h"
#include "runtime/pods/keeper/user.h"
#include "tests/fuzz/targets.h"

namespace kring::fuzz {

namespace {

template <class Spec>
void spec(keeper::Bytes bytes, std::vector<uint8_t>& arena) {
  Spec out;
  if (!keeper::decode(bytes, arena, out)) return;
  // Whatever was accepted is what it says: encoding it gives the same bytes.
  std::vector<uint8_t> again(bytes.size());
  if (keeper::encode(out, again) != bytes.size() || !std::equal(again.begin(), again.end(), bytes.begin())) std::abort();
}

}  // namespace

void keeper_message(std::string_view input) {
  const keeper::Bytes bytes{reinterpret_cast<const uint8_t*>(input.data()), input.size()};
  std::vector<uint8_t> arena(keeper::arena_bytes(input.size()));
  keeper::Message message;
  keeper::Target target;
  keeper::Failure failure;
  if (keeper::parse_message(bytes, message) && !keeper::decode(message.body, target)) {
    static_cast<void>(keeper::decode(message.body, failure));
  }
  spec<keeper::ContainerSpec>(bytes, arena);
  spec<keeper::PodSpec>(bytes, arena);
  spec<keeper::ExecSpec>(bytes, arena);
  const size_t half = input.size() / 2;
  const keeper::ContainerSpec user{.image_user = input.substr(0, std::min<size_t>(half, 40))};
  keeper::Identity identity;
  keeper::Fault fault;
  if (keeper::resolve_user(user, input.substr(half), input, identity, fault) != fault.empty()) std::abort();
}

}  // namespace kring::fuzz
