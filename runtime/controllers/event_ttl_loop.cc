#include <algorithm>
#include <utility>
#include <vector>

#include "objects/schema/core_generated.h"
#include "objects/schema/meta_generated.h"
#include "runtime/client/flat.h"
#include "runtime/client/timestamps.h"
#include "runtime/controllers/event_ttl.h"

namespace kring::controllers {

namespace {

constexpr int64_t sweep_every_ms = 60'000;

}  // namespace

Wall last_seen(const Object& object) {
  const auto& event = *object.as<core::Event>();
  Wall out = client::parse_rfc3339(view(event.metadata()->creation_timestamp()));
  for (const auto* text : {event.last_timestamp(), event.first_timestamp(), event.event_time()})
    out = std::max(out, client::parse_rfc3339(view(text)));
  if (event.series() != nullptr) out = std::max(out, client::parse_rfc3339(view(event.series()->last_observed_time())));
  return out;
}

EventTtl::EventTtl(Env& env, client::Client& client, int64_t lifetime_seconds, size_t events_max)
    : env_(env), client_(client), lifetime_ns_(lifetime_seconds * 1'000'000'000), events_max_(events_max) {}

Task<Result<void>> EventTtl::event_ttl_loop() {
  while (true) {
    auto slept = co_await env_.clock.sleep_ms(sweep_every_ms);
    if (slept.has_error()) co_return slept;
    auto swept = co_await sweep();
    if (swept.has_error() && swept.error().reason == Reason::canceled) co_return swept;
    if (failed(swept)) env_.log.warn("old events not removed", {{"error", swept.error()}});
  }
}

Task<Result<void>> EventTtl::sweep() {
  auto events = co_await client_.list(kinds::event(), {});
  if (events.has_error()) co_return events.error();
  std::vector<std::pair<int64_t, ObjectPtr>> by_age;
  for (auto& event : events->objects) by_age.emplace_back(last_seen(*event).ns, std::move(event));
  std::sort(by_age.begin(), by_age.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  const size_t surplus = by_age.size() > events_max_ ? by_age.size() - events_max_ : 0;
  const int64_t oldest = env_.clock.wall().ns - lifetime_ns_;
  for (size_t i = 0; i < by_age.size() && (i < surplus || by_age[i].first < oldest); ++i) {
    const Object& event = *by_age[i].second;
    client::DeleteOptions options;
    options.uid = std::string{event.uid()};
    options.revision = event.revision();  // one that was just seen again stays
    client::ObjectName name{std::string{event.ns()}, std::string{event.name()}};
    auto removed = co_await client_.remove(kinds::event(), std::move(name), std::move(options));
    bool gone = removed.has_error() &&
                (removed.error().reason == Reason::not_found || removed.error().reason == Reason::conflict);
    if (removed.has_error() && !gone) co_return removed;
  }
  co_return Result<void>{};
}

}  // namespace kring::controllers
