// Goal: the map is a sorted map, also when its runs split and vanish. Method: against std::map, with a seed.
#include "runtime/store/object_map.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/sim/sim_schedule.h"
#include "tests/sim/store/oracle.h"

namespace kring::store {
namespace {

TEST(ObjectMap, BehavesLikeASortedMapThroughThousandsOfChanges) {
  sim::Dice dice{7};
  ObjectMap map;
  std::map<std::pair<std::string, std::string>, ObjectPtr> model;
  const Kind& kind = kinds::config_map();
  for (int i = 0; i < 20'000; ++i) {
    const Key key{&kind, "ns" + std::to_string(dice.below(4)), "n" + std::to_string(dice.below(1500))};
    const auto place = std::pair{key.ns, key.name};
    // Grows, then shrinks to nothing.
    const bool put = i < 14'000 ? dice.below(3) != 0 : dice.below(8) == 0;
    const auto before = model.contains(place) ? model[place] : nullptr;
    ASSERT_EQ(map.find(kind, key.ns, key.name), before);
    if (put) {
      auto object = std::make_shared<const Object>(kind, sim::sim_object(key, "t", 0), static_cast<Revision>(i));
      ASSERT_EQ(map.put(object), before);
      model[place] = object;
    } else {
      ASSERT_EQ(map.remove(kind, key.ns, key.name), before);
      model.erase(place);
    }
    ASSERT_EQ(map.size(), model.size());
    if (i % 500 != 0) continue;
    std::vector<ObjectPtr> all, two;
    for (const auto& [k, o] : model) {
      all.push_back(o);
      if (k.first == "ns2") two.push_back(o);
    }
    ASSERT_EQ(map.list(kind, ""), all);
    ASSERT_EQ(map.list(kind, "ns2"), two);
    ASSERT_EQ(map.all(), all);
    ASSERT_EQ(map.count(kind), all.size());
  }
  EXPECT_TRUE(map.list(kinds::pod(), "").empty());
  EXPECT_EQ(map.find(kinds::pod(), "a", "b"), nullptr);
}

}  // namespace
}  // namespace kring::store
