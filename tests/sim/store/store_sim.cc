#include "tests/sim/store/store_sim.h"

#include <array>
#include <cstdio>

#include "objects/check.h"
#include "tests/sim/sim_world.h"
#include "tests/sim/store/oracle.h"

namespace kring::sim {
namespace {

constexpr const char* directory = "/data/store";
constexpr int64_t ms = 1'000'000;

// Everything one run needs; the tasks get it by reference.
class StoreSim {
 public:
  explicit StoreSim(const StoreSimOptions& options);
  StoreSimResult run();

 private:
  void choose();
  void set_faults(bool on);
  // False when the run is over: a failure, or the store cannot be opened for a legal reason.
  bool open_store();
  bool check_fsck();
  void live();
  void end_life();
  void last_life();
  void check_idle();
  void check_leaks();
  void close();

  static Task<Result<void>> open_once(StoreSim& sim);
  static Task<Result<void>> fsck_once(StoreSim& sim);
  static Task<Result<void>> run_store_loop(StoreSim& sim);
  static Task<Result<void>> client_loop(StoreSim& sim, int ops);
  static Task<Result<void>> watcher_loop(StoreSim& sim);
  static Task<Result<void>> leaking_loop(StoreSim& sim);
  static Task<Result<void>> scribbling_loop(StoreSim& sim);
  Task<Result<void>> write_something();
  Task<Result<ObjectPtr>> ask_store(Verb verb, store::Key key, Bytes bytes, Revision expected, bool durable);
  static Task<Result<void>> impatient(StoreSim& sim, Verb verb, store::Key key, Bytes bytes, Revision expected,
                                      bool durable, OpPtr op);
  Task<Result<void>> watch_for_a_while();
  bool check_watched(const store::Event& event, const Kind& kind, const std::string& ns, Revision since);
  void check_expired(const Kind& kind, Revision since);

  store::Key some_key();
  Dice& dice() { return dice_; }
  void say(const std::string& what);
  bool failed() const { return !oracle_.failure().empty(); }

  StoreSimOptions options_;
  SimWorld world_;
  Dice dice_;                            // of the workload; the world has its own
  Oracle oracle_;
  store::Options store_options_;
  std::unique_ptr<store::Store> store_;
  Result<store::Opened> opened_{Error{}};
  Result<store::FsckReport> report_{Error{}};
  bool open_done_ = false;
  bool clean_ = true;                    // the last life ended cleanly
  bool poisoned_ = false, leak_released_ = false;
  int clients_ = 0, clients_left_ = 0;
  uint64_t tags_ = 0;
  DiskFaults faults_;
  std::vector<const Kind*> kinds_ = sim_kinds();
  StoreSimResult result_;
};

StoreSim::StoreSim(const StoreSimOptions& options)
    : options_(options), world_(options.seed), dice_(options.seed ^ 0xc11e47) {
  world_.log.echo = options.verbose;
}

void StoreSim::say(const std::string& what) {
  if (options_.verbose) std::printf("%s\n", what.c_str());
}

// Swarm: every run has other sizes and other faults, and many have none of a kind.
void StoreSim::choose() {
  Dice& d = dice();
  constexpr uint64_t KiB = 1024;
  store_options_.directory = directory;
  store_options_.segment_bytes = KiB << d.between(5, 7);
  store_options_.log_grow_bytes = KiB << d.between(2, 4);
  store_options_.snapshot_after_log_bytes = KiB << d.between(2, 6);
  store_options_.watch_events_max = static_cast<uint32_t>(16 << d.below(4));
  store_options_.watch_events_bytes_max = (128 * KiB) << d.below(4);
  const auto maybe = [&d](uint32_t per_million) { return d.below(3) == 0 ? per_million : 0; };
  faults_.read_error = maybe(20'000);
  faults_.write_error = maybe(3'000);
  faults_.sync_error = maybe(6'000);
  faults_.name_error = maybe(10'000);
  faults_.writeback = d.coin() ? 300'000 : 0;
  faults_.slow = d.coin() ? 30'000 : 0;
  if (d.below(4) == 0) faults_.capacity_bytes = (48 * KiB) << d.below(3);
  faults_.lies_about_sync = options_.broken == Break::sync;
  clients_ = static_cast<int>(d.between(1, 8));
}

void StoreSim::set_faults(bool on) {
  DiskFaults none;
  none.lies_about_sync = faults_.lies_about_sync;
  world_.disk.faults = on ? faults_ : none;
}

Task<Result<void>> StoreSim::open_once(StoreSim& sim) {
  auto opened = co_await store::open(sim.world_.env(), sim.store_options_);
  sim.opened_ = std::move(opened);
  sim.open_done_ = true;
  co_return Result<void>{};
}

Task<Result<void>> StoreSim::fsck_once(StoreSim& sim) {
  auto report = co_await store::fsck(sim.world_.env(), directory);
  sim.report_ = std::move(report);
  co_return Result<void>{};
}

bool StoreSim::open_store() {
  for (int attempt = 0; attempt < 20 && !failed(); ++attempt) {
    set_faults(attempt < 5);
    open_done_ = false;
    opened_ = Error{};
    world_.spawn("open", open_once, std::ref(*this));
    // A machine that loses power again while it starts.
    if (attempt < 4 && dice().below(6) == 0) {
      const uint64_t steps = dice().below(60);
      world_.run_until([this] { return open_done_; }, steps);
      const bool power = dice().coin();
      say(power ? "power cut while opening" : "kill while opening");
      const bool ended = power ? world_.cut_power() : world_.kill();
      if (!ended) oracle_.fail("open() ignores its cancellation");
      opened_ = Error{};
      report_ = Error{};  // what a killed process left in the cache, fsck saw; the power cut may have taken it
      ++result_.counts.cuts_while_opening;
      clean_ = false;
      continue;
    }
    world_.run_until([this] { return open_done_; });
    if (!open_done_) oracle_.fail("open() does not end");
    if (opened_.has_value()) break;
    ++result_.counts.open_failures;
    say("open: " + to_string(opened_.error()));
    const Reason reason = opened_.error().reason;
    const bool fault = world_.disk.faults.capacity_bytes != UINT64_MAX || faults_.read_error + faults_.write_error +
                       faults_.sync_error + faults_.name_error > 0;
    if (reason == Reason::corrupt || reason == Reason::bad_request || attempt >= 5 || !fault)
      oracle_.fail("open: " + to_string(opened_.error()));
    // Directories whose creation failed half way.
    clean_ = false;
  }
  if (failed()) return false;
  if (opened_.has_error()) {
    oracle_.fail("the store does not open without faults");
    return false;
  }
  for (const std::string& note : opened_->notes) {
    say("note: " + note);
    // A crash alone never looks like damage: at most a torn frame is dropped.
    if (note.find("dropped frame") == std::string::npos) oracle_.fail("after a crash open() says: " + note);
    ++result_.counts.torn;
  }
  return !failed();
}

// fsck must see what open() will.
bool StoreSim::check_fsck() {
  set_faults(false);
  if (!world_.disk.exists(std::string{directory} + "/log.0")) return true;
  world_.spawn("fsck", fsck_once, std::ref(*this));
  report_ = Error{};
  const uint64_t written = world_.disk.bytes_written();
  world_.run_until_idle();
  if (world_.disk.bytes_written() != written) oracle_.fail("fsck writes");
  if (report_.has_error()) oracle_.fail("fsck: " + to_string(report_.error()));
  return !failed();
}

Task<Result<void>> StoreSim::run_store_loop(StoreSim& sim) { co_return co_await sim.store_->run_loop(); }

// A task that cannot be cancelled and does not end by itself.
Task<Result<void>> StoreSim::leaking_loop(StoreSim& sim) {
  while (!sim.leak_released_) co_await sim.world_.schedule.operation(ms);
  co_return Result<void>{};
}

Task<Result<void>> StoreSim::scribbling_loop(StoreSim& sim) {
  KRING_CO_TRY(auto file, co_await sim.world_.disk.open("/data/scribble", OpenMode::create));
  const std::array<uint8_t, 16> bytes{};
  while (true) {
    KRING_CO_TRY_VOID(co_await sim.world_.clock.sleep_ms(60'000));
    KRING_CO_TRY_VOID(co_await file->write(0, bytes, false));
  }
}

store::Key StoreSim::some_key() {
  store::Key key;
  key.kind = kinds_[dice().below(kinds_.size())];
  static constexpr std::array<const char*, 3> namespaces{"default", "kube-system", "team-a"};
  if (key.kind->namespaced) key.ns = namespaces[dice().below(namespaces.size())];
  key.name = "n" + std::to_string(dice().below(5));
  return key;
}

Task<Result<ObjectPtr>> StoreSim::ask_store(Verb verb, store::Key key, Bytes bytes, Revision expected, bool durable) {
  const auto durability = durable ? store::Durability::durable : store::Durability::memory;
  if (verb == Verb::create) co_return co_await store_->create(std::move(key), std::move(bytes), durability);
  if (verb == Verb::update) co_return co_await store_->update(std::move(key), std::move(bytes), expected, durability);
  co_return co_await store_->remove(std::move(key), expected, durability);
}

// A caller that may leave before the answer.
Task<Result<void>> StoreSim::impatient(StoreSim& sim, Verb verb, store::Key key, Bytes bytes, Revision expected,
                                       bool durable, OpPtr op) {
  auto result = co_await sim.ask_store(verb, std::move(key), std::move(bytes), expected, durable);
  sim.oracle_.answer(*op, result);
  if (result.has_error() && result.error().reason == Reason::canceled) co_return std::move(result).error();
  co_return Result<void>{};
}

Task<Result<void>> StoreSim::write_something() {
  Dice& d = dice();
  store::Key key = some_key();
  const ObjectPtr current = store_->get(key);
  Verb verb = current == nullptr ? Verb::create : d.below(3) == 0 ? Verb::remove : Verb::update;
  if (d.below(12) == 0) verb = static_cast<Verb>(d.below(3));
  Revision expected = current == nullptr ? oracle_.revision() : current->revision();
  if (d.below(12) == 0) expected = 1 + d.below(expected + 2);
  const bool durable = d.below(4) != 0;
  const std::string tag = verb == Verb::remove ? "" : "t" + std::to_string(++tags_);
  // Small ones, and some that fill a sector exactly, or several.
  const size_t padding = d.below(4) == 0 ? d.below(2000) : d.below(64);
  Bytes bytes = verb == Verb::remove ? Bytes{} : sim_object(key, tag, padding);
  const OpPtr op = oracle_.ask(verb, key, tag, expected, durable);
  if (d.below(30) == 0) {
    auto left = co_await with_deadline(world_.env(), static_cast<int64_t>(d.below(2)),
                                       impatient(*this, verb, std::move(key), std::move(bytes), expected, durable, op));
    if (op->state == Op::State::pending) oracle_.abandon(*op);
    if (op->state == Op::State::abandoned) ++result_.counts.abandoned;
    const bool over = left.has_error() && left.error().reason == Reason::canceled;
    co_return over ? left : Result<void>{};
  }
  auto result = co_await ask_store(verb, std::move(key), std::move(bytes), expected, durable);
  oracle_.answer(*op, result);
  if (result.has_value()) {
    ++result_.counts.acked;
    co_return Result<void>{};
  }
  const Reason reason = result.error().reason;
  ++(reason == Reason::service_unavailable ? result_.counts.unavailable : result_.counts.refused);
  if (result.error().message.find("No space left") != std::string::npos) ++result_.counts.full;
  if (reason == Reason::canceled) co_return std::move(result).error();
  co_return Result<void>{};
}

Task<Result<void>> StoreSim::client_loop(StoreSim& sim, int ops) {
  Dice& d = sim.dice();
  for (int i = 0; i < ops && !sim.failed(); ++i) {
    if (d.coin()) {
      const Mono then = sim.world_.clock.now() + static_cast<int64_t>(d.below(2 * ms));
      KRING_CO_TRY_VOID(co_await sim.world_.clock.sleep_until(then));
    }
    const uint64_t what = d.below(20);
    if (what < 14) {
      KRING_CO_TRY_VOID(co_await sim.write_something());
    } else if (what < 16) {
      sim.oracle_.check_get(sim.some_key());
    } else if (what < 19) {
      const store::Key key = sim.some_key();
      sim.oracle_.check_list(*key.kind, d.coin() ? key.ns : "");
    } else if (d.below(4) == 0) {
      auto taken = co_await sim.store_->snapshot();
      if (taken.has_error() && taken.error().reason == Reason::canceled) co_return taken;
    }
  }
  --sim.clients_left_;
  co_return Result<void>{};
}

// What the watch gives must be the oracle's next event of its kind and namespace.
bool StoreSim::check_watched(const store::Event& event, const Kind& kind, const std::string& ns, Revision since) {
  oracle_.drain();
  const Oracle::Seen* expected = oracle_.next_event(kind, ns, since);
  const Revision got = event.object->revision();
  if (expected == nullptr) {
    oracle_.fail("a watch gives event " + std::to_string(got) + " that there is not");
  } else if (expected->revision != got) {
    oracle_.fail("a watch gives event " + std::to_string(got) + " instead of " + std::to_string(expected->revision));
  } else if (expected->type != event.type || expected->tag != event.object->uid()) {
    oracle_.fail("a watch gives event " + std::to_string(got) + " with other contents");
  }
  return !failed();
}

// Only who really fell behind may be told so.
void StoreSim::check_expired(const Kind& kind, Revision since) {
  oracle_.drain();
  ++result_.counts.expired;
  const Oracle::Seen* next = oracle_.next_event(kind, {}, since);
  if (next == nullptr) return oracle_.fail("a watch expired though it missed nothing");
  size_t events = 0, bytes = 0;
  for (const Oracle::Seen& event : oracle_.events()) {
    if (event.revision < next->revision) continue;
    ++events;
    bytes += event.bytes + 192;
  }
  if (events <= store_options_.watch_events_max && bytes <= store_options_.watch_events_bytes_max)
    oracle_.fail("a watch expired though its next event is within the bounds of the ring");
}

Task<Result<void>> StoreSim::watch_for_a_while() {
  Dice& d = dice();
  const store::Key key = some_key();
  const Kind& kind = *key.kind;
  const std::string ns = d.coin() ? key.ns : "";
  oracle_.drain();
  // From now, or from some revision of this life.
  Revision since = oracle_.revision();
  if (d.coin() && since > oracle_.base()) since = oracle_.base() + d.below(since - oracle_.base() + 1);
  if (since == 0) co_return Result<void>{};
  auto watch = store_->watch(kind, ns, since);
  if (watch.has_error()) {
    if (watch.error().reason != Reason::expired) oracle_.fail("watch: " + to_string(watch.error()));
    check_expired(kind, since);
    co_return Result<void>{};
  }
  const uint64_t events = d.between(1, 30);
  for (uint64_t i = 0; i < events && !failed(); ++i) {
    if (d.below(8) == 0) {
      auto slept = co_await world_.clock.sleep_ms(static_cast<int64_t>(d.below(20)));
      if (slept.has_error()) co_return slept;
    }
    auto event = co_await (*watch)->next();
    if (event.has_error()) {
      if (event.error().reason == Reason::canceled) co_return std::move(event).error();
      if (event.error().reason != Reason::expired) oracle_.fail("watch: " + to_string(event.error()));
      check_expired(kind, since);
      co_return Result<void>{};
    }
    if (!check_watched(*event, kind, ns, since)) co_return Result<void>{};
    since = event->object->revision();
    ++result_.counts.watched;
    const Revision seen = (*watch)->seen();
    const Oracle::Seen* missed = oracle_.next_event(kind, ns, since);
    if (seen < since || (missed != nullptr && seen >= missed->revision))
      oracle_.fail("a watch claims to have seen up to " + std::to_string(seen));
  }
  co_return Result<void>{};
}

Task<Result<void>> StoreSim::watcher_loop(StoreSim& sim) {
  while (!sim.failed()) {
    KRING_CO_TRY_VOID(co_await sim.watch_for_a_while());
    KRING_CO_TRY_VOID(co_await sim.world_.clock.sleep_ms(static_cast<int64_t>(1 + sim.dice().below(5))));
  }
  co_return Result<void>{};
}

// Clients and watchers until the clients are done or the steps of this life are over.
void StoreSim::live() {
  ++result_.counts.lives;
  set_faults(true);
  store_ = broken(std::move(opened_->store), options_.broken);
  opened_ = Error{};
  oracle_.begin(*store_, clean_);
  if (report_.has_value() && !failed()) {
    if (report_->revision != store_->revision() || report_->objects != store_->stats().objects)
      oracle_.fail("fsck says revision " + std::to_string(report_->revision) + " with " +
                   std::to_string(report_->objects) + " objects, open found revision " +
                   std::to_string(store_->revision()) + " with " + std::to_string(store_->stats().objects));
  }
  report_ = Error{};
  say("life: revision " + std::to_string(store_->revision()) + ", " + std::to_string(oracle_.objects()) + " objects");
  world_.spawn("store", run_store_loop, std::ref(*this));
  clients_left_ = clients_;
  const int ops = static_cast<int>(dice().between(5, 40));
  for (int i = 0; i < clients_; ++i) world_.spawn("client", client_loop, std::ref(*this), ops);
  const uint64_t watchers = dice().below(4);
  for (uint64_t i = 0; i < watchers; ++i) world_.spawn("watcher", watcher_loop, std::ref(*this));
  if (options_.broken == Break::leak) world_.spawn("leak", leaking_loop, std::ref(*this));
  if (options_.broken == Break::idle) world_.spawn("scribble", scribbling_loop, std::ref(*this));
  // Most lives end in the middle of things, and then mostly with a write on its way to the disk.
  const auto over = [this] {
    oracle_.drain();
    return failed() || clients_left_ == 0;
  };
  const bool to_the_end = dice().below(4) == 0, in_a_write = dice().below(3) != 0;
  world_.run_until(over, to_the_end ? 1'000'000 : dice().below(static_cast<uint64_t>(4 * ops * clients_)));
  if (!to_the_end && in_a_write) world_.run_until([&] { return over() || world_.disk.writes_in_flight() > 0; });
  if (world_.disk.writes_in_flight() > 0) ++result_.counts.in_a_write;
  poisoned_ = !store_->stats().poisoned.empty();
  if (poisoned_) ++result_.counts.poisoned;
  result_.counts.snapshots += store_->stats().snapshots_written;
}

// When nobody asks for anything, nothing is written and nothing happens.
void StoreSim::check_idle() {
  set_faults(false);
  world_.run_until([this] { return clients_left_ == 0 || failed(); });
  world_.advance(1000 * ms);
  oracle_.drain();
  const uint64_t written = world_.disk.bytes_written();
  const Revision revision = store_->revision();
  world_.advance(int64_t{3600} * 1000 * ms);
  if (world_.disk.bytes_written() != written) oracle_.fail("an idle hour wrote to the disk");
  if (store_->revision() != revision) oracle_.fail("an idle hour changed the revision");
}

void StoreSim::end_life() {
  const uint64_t how = dice().below(4);
  bool ended;
  clean_ = false;
  if (how == 0) {
    // Nothing fails while it stops, or the stop would not be clean.
    set_faults(false);
    say("clean stop");
    ended = world_.stop();
    clean_ = store_->stats().poisoned.empty();
    ++result_.counts.clean_stops;
  } else if (how == 1) {
    say("kill");
    ended = world_.kill();
    ++result_.counts.kills;
  } else {
    say("power cut");
    ended = world_.cut_power();
    ++result_.counts.power_cuts;
  }
  if (!ended) oracle_.fail("a task ignores its cancellation");
  close();
}

void StoreSim::close() {
  if (world_.tasks() > 0) {
    // The frames that leak hold references: nothing can be taken down in order.
    oracle_.fail("tasks leak");
    return;
  }
  oracle_.end();
  result_.counts.events += oracle_.events().size();
  store_.reset();
  check_leaks();
}

void StoreSim::check_leaks() {
  if (world_.disk.open_files() != 0) oracle_.fail("an open file leaks");
  if (world_.disk.locks() != 0) oracle_.fail("a lock leaks");
}

// Liveness: without faults a new life accepts writes, keeps them over a clean restart, and is idle when nobody asks.
void StoreSim::last_life() {
  faults_ = DiskFaults{};
  faults_.lies_about_sync = options_.broken == Break::sync;
  if (!check_fsck() || !open_store()) return;
  live();
  if (failed()) return;
  world_.run_until([this] { return clients_left_ == 0 || failed(); });
  if (!failed() && poisoned_) oracle_.fail("the log is poisoned without a fault");
  if (!failed()) check_idle();
  if (failed()) return;
  if (!world_.stop()) oracle_.fail("a task ignores its cancellation");
  clean_ = true;
  close();
  if (failed() || !check_fsck() || !open_store()) return;
  store_ = std::move(opened_->store);
  opened_ = Error{};
  oracle_.begin(*store_, clean_);
  oracle_.end();
  store_.reset();
  check_leaks();
}

StoreSimResult StoreSim::run() {
  choose();
  world_.run(world_.disk.make_directory("/data"));
  world_.run(world_.disk.sync_directory("/"));
  const uint64_t lives = dice().between(1, 4);
  for (uint64_t i = 0; i < lives && !failed(); ++i) {
    if (!check_fsck() || !open_store()) break;
    live();
    if (failed()) break;
    end_life();
  }
  if (!failed()) last_life();
  result_.failure = oracle_.failure();
  // After a failure the tasks may be in any state; they end before what they refer to.
  leak_released_ = true;
  set_faults(false);
  if (!world_.stop()) std::printf("tasks do not end after: %s\n", result_.failure.c_str());
  if (store_ != nullptr) close();
  result_.trace = world_.schedule.trace();
  return result_;
}

}  // namespace

void StoreSimResult::Counts::add(const Counts& o) {
  lives += o.lives, events += o.events, acked += o.acked, refused += o.refused, unavailable += o.unavailable;
  abandoned += o.abandoned, snapshots += o.snapshots, expired += o.expired, watched += o.watched;
  poisoned += o.poisoned, power_cuts += o.power_cuts, kills += o.kills, clean_stops += o.clean_stops;
  open_failures += o.open_failures, cuts_while_opening += o.cuts_while_opening, in_a_write += o.in_a_write, torn += o.torn, full += o.full;
}

std::string StoreSimResult::Counts::text() const {
  const std::pair<const char*, uint64_t> all[] = {
      {"lives", lives},       {"events", events},         {"acked", acked},
      {"refused", refused},   {"unavailable", unavailable}, {"abandoned", abandoned},
      {"snapshots", snapshots}, {"watched", watched},     {"expired", expired},
      {"poisoned", poisoned}, {"power_cuts", power_cuts}, {"kills", kills},
      {"clean_stops", clean_stops}, {"open_failures", open_failures}, {"cuts_while_opening", cuts_while_opening},
      {"in_a_write", in_a_write}, {"torn", torn},         {"full", full}};
  std::string line;
  for (const auto& [name, value] : all) line += (line.empty() ? "" : " ") + std::string{name} + "=" + std::to_string(value);
  return line;
}

StoreSimResult run_store_sim(const StoreSimOptions& options) {
  auto sim = std::make_unique<StoreSim>(options);
  return sim->run();
}

}  // namespace kring::sim
