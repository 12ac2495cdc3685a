// Hashes against their published vectors, and what an attacker can do to a table.
#include "objects/hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

namespace kring {
namespace {

TEST(Hash, Fnv1aHasItsPublishedValues) {
  EXPECT_EQ(fnv1a32(""), 0x811c9dc5u);
  EXPECT_EQ(fnv1a32("a"), 0xe40c292cu);
  EXPECT_EQ(fnv1a32("foobar"), 0xbf9cf968u);
  EXPECT_EQ(fnv1a64(""), 0xcbf29ce484222325u);
  EXPECT_EQ(fnv1a64("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(fnv1a64("foobar"), 0x85944171f73967e8u);
}

TEST(Hash, SipHashHasItsPublishedValues) {
  // The key is the bytes 0 to 15, the text the bytes 0 to n - 1.
  constexpr SipKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  std::string bytes;
  for (char c = 0; c < 15; ++c) bytes.push_back(c);
  EXPECT_EQ(siphash(key, ""), 0x726fdb47dd0e0e31u);
  EXPECT_EQ(siphash(key, bytes.substr(0, 1)), 0x74f839c593dc67fdu);
  EXPECT_EQ(siphash(key, bytes.substr(0, 8)), 0x93f5f5799a932462u);
  EXPECT_EQ(siphash(key, bytes), 0xa129ca6149be45e5u);
}

constexpr size_t buckets = 1024;

template <class Hash>
size_t fullest_bucket(const std::vector<std::string>& keys, const Hash& hash) {
  std::vector<size_t> counts(buckets);
  for (const std::string& key : keys) ++counts[hash(key) % buckets];
  return *std::max_element(counts.begin(), counts.end());
}

TEST(Hash, KeysChosenToCollideDoNotUnderARandomKey) {
  // security-checklist A5: hash flooding. Keys that all share one bucket of a known hash spread under a key the
  // attacker does not know; and keys that collide under one key do not under the next.
  std::vector<std::string> against_fnv, against_sip;
  constexpr SipKey leaked{1, 2};
  for (int i = 0; against_fnv.size() < 1000 || against_sip.size() < 1000; ++i) {
    std::string key = "label-" + std::to_string(i);
    if (against_fnv.size() < 1000 && fnv1a64(key) % buckets == 0) against_fnv.push_back(key);
    if (against_sip.size() < 1000 && siphash(leaked, key) % buckets == 0) against_sip.push_back(key);
  }
  EXPECT_EQ(fullest_bucket(against_fnv, [](const std::string& key) { return fnv1a64(key); }), 1000u);
  for (uint64_t seed = 3; seed < 20; ++seed) {
    const KeyedHash hash{SipKey{seed, seed * 0x9e3779b97f4a7c15}};
    EXPECT_LT(fullest_bucket(against_fnv, hash), 12u) << seed;
    EXPECT_LT(fullest_bucket(against_sip, hash), 12u) << seed;
  }
}

TEST(Hash, KeyedHashServesTablesThatAreAskedByView) {
  std::unordered_map<std::string, int, KeyedHash, std::equal_to<>> table{8, KeyedHash{SipKey{5, 6}}};
  table["a"] = 1;
  EXPECT_EQ(table.find(std::string_view{"a"})->second, 1);
  EXPECT_EQ(table.find(std::string_view{"b"}), table.end());
}

}  // namespace
}  // namespace kring
