#include "runtime/store/object_map.h"

#include <algorithm>

#include "objects/check.h"

namespace kring::store {
namespace {

bool before(const Object& object, std::string_view ns, std::string_view name) {
  const int order = object.ns().compare(ns);
  return order < 0 || (order == 0 && object.name() < name);
}

}  // namespace

ObjectMap::Place ObjectMap::lower_bound(const Table& table, std::string_view ns, std::string_view name) {
  // The run: the last one that does not begin after the key.
  auto run = std::partition_point(table.runs.begin(), table.runs.end(),
                                  [&](const Run& r) { return before(*r.back(), ns, name); });
  if (run == table.runs.end()) {
    if (table.runs.empty()) return {};
    return {table.runs.size() - 1, table.runs.back().size(), false};
  }
  auto object = std::partition_point(run->begin(), run->end(),
                                     [&](const ObjectPtr& o) { return before(*o, ns, name); });
  KRING_CHECK(object != run->end(), "the run's last object is not before the key");
  const bool found = (*object)->ns() == ns && (*object)->name() == name;
  return {static_cast<size_t>(run - table.runs.begin()), static_cast<size_t>(object - run->begin()), found};
}

const ObjectMap::Table* ObjectMap::table_of(const Kind& kind) const {
  return kind.index < tables_.size() ? &tables_[kind.index] : nullptr;
}

ObjectPtr ObjectMap::find(const Kind& kind, std::string_view ns, std::string_view name) const {
  const Table* table = table_of(kind);
  if (table == nullptr) return nullptr;
  const Place place = lower_bound(*table, ns, name);
  return place.found ? table->runs[place.run][place.index] : nullptr;
}

ObjectPtr ObjectMap::put(ObjectPtr object) {
  const Kind& kind = object->kind();
  if (kind.index >= tables_.size()) tables_.resize(kind.index + 1);
  Table& table = tables_[kind.index];
  if (table.runs.empty()) table.runs.emplace_back();
  const Place place = table.size == 0 ? Place{} : lower_bound(table, object->ns(), object->name());
  Run& run = table.runs[place.run];
  if (place.found) {
    std::swap(run[place.index], object);
    return object;
  }
  run.insert(run.begin() + static_cast<ptrdiff_t>(place.index), std::move(object));
  ++table.size;
  ++size_;
  if (run.size() > run_objects_max) {
    const auto middle = run.begin() + run_objects_max / 2;
    Run upper{std::make_move_iterator(middle), std::make_move_iterator(run.end())};
    run.erase(middle, run.end());
    run.shrink_to_fit();
    table.runs.insert(table.runs.begin() + static_cast<ptrdiff_t>(place.run) + 1, std::move(upper));
  }
  return nullptr;
}

ObjectPtr ObjectMap::remove(const Kind& kind, std::string_view ns, std::string_view name) {
  if (kind.index >= tables_.size()) return nullptr;
  Table& table = tables_[kind.index];
  const Place place = lower_bound(table, ns, name);
  if (!place.found) return nullptr;
  Run& run = table.runs[place.run];
  ObjectPtr removed = std::move(run[place.index]);
  run.erase(run.begin() + static_cast<ptrdiff_t>(place.index));
  if (run.empty()) table.runs.erase(table.runs.begin() + static_cast<ptrdiff_t>(place.run));
  --table.size;
  --size_;
  return removed;
}

std::vector<ObjectPtr> ObjectMap::list(const Kind& kind, std::string_view ns) const {
  std::vector<ObjectPtr> objects;
  const Table* table = table_of(kind);
  if (table == nullptr || table->size == 0) return objects;
  if (ns.empty()) {
    objects.reserve(table->size);
    for (const Run& run : table->runs) objects.insert(objects.end(), run.begin(), run.end());
    return objects;
  }
  const Place start = lower_bound(*table, ns, {});
  size_t index = start.index;
  for (size_t r = start.run; r < table->runs.size(); ++r, index = 0) {
    const Run& run = table->runs[r];
    const auto first = run.begin() + static_cast<ptrdiff_t>(index);
    const auto last = std::partition_point(first, run.end(), [&](const ObjectPtr& o) { return o->ns() == ns; });
    objects.insert(objects.end(), first, last);
    if (last != run.end()) break;
  }
  return objects;
}

std::vector<ObjectPtr> ObjectMap::all() const {
  std::vector<ObjectPtr> objects;
  objects.reserve(size_);
  for (const Table& table : tables_)
    for (const Run& run : table.runs) objects.insert(objects.end(), run.begin(), run.end());
  return objects;
}

size_t ObjectMap::count(const Kind& kind) const {
  const Table* table = table_of(kind);
  return table == nullptr ? 0 : table->size;
}

}  // namespace kring::store
