// The three patch formats: RFC tables, the directives of strategic merge as kubectl makes them, words of errors, and
// bounds. Strategic merge runs against the real types of pods, services and deployments.
#include "objects/patch.h"

#include <gtest/gtest.h>

#include <fstream>

#include "objects/codec.h"
#include "objects/limits.h"

namespace kring::patch {
namespace {

json::Value parsed(std::string_view text) {
  Result<json::Parsed> result = json::parse(text);
  EXPECT_TRUE(result.has_value()) << text << " " << (result.has_error() ? result.error().message : "");
  return result.has_value() ? std::move(result->value) : json::Value{};
}

struct Row {
  std::string_view document, patch, expected;  // expected: JSON, or "error: ..."
};

std::string outcome(const json::Value& document, const Result<void>& result) {
  return result.has_error() ? "error: " + result.error().message : json::print(document);
}

// The expected text in the printer's own form.
std::string canonical(std::string_view expected) {
  return expected.starts_with("error: ") ? std::string{expected} : json::print(parsed(expected));
}

std::string json_patched(const Row& row) {
  json::Value document = parsed(row.document);
  return outcome(document, apply_json(document, parsed(row.patch)));
}

TEST(JsonPatch, FollowsRfc6902) {
  const Row rows[] = {
      {R"({"foo":"bar"})", R"([{"op":"add","path":"/baz","value":"qux"}])", R"({"foo":"bar","baz":"qux"})"},
      {R"({"foo":["bar","baz"]})", R"([{"op":"add","path":"/foo/1","value":"qux"}])", R"({"foo":["bar","qux","baz"]})"},
      {R"({"baz":"qux","foo":"bar"})", R"([{"op":"remove","path":"/baz"}])", R"({"foo":"bar"})"},
      {R"({"foo":["bar","qux","baz"]})", R"([{"op":"remove","path":"/foo/1"}])", R"({"foo":["bar","baz"]})"},
      {R"({"baz":"qux","foo":"bar"})", R"([{"op":"replace","path":"/baz","value":"boo"}])", R"({"baz":"boo","foo":"bar"})"},
      {R"({"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}})",
       R"([{"op":"move","from":"/foo/waldo","path":"/qux/thud"}])",
       R"({"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}})"},
      {R"({"foo":["all","grass","cows","eat"]})", R"([{"op":"move","from":"/foo/1","path":"/foo/3"}])",
       R"({"foo":["all","cows","eat","grass"]})"},
      {R"({"baz":"qux","foo":["a",2,"c"]})",
       R"([{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}])",
       R"({"baz":"qux","foo":["a",2,"c"]})"},
      {R"({"foo":"bar"})", R"([{"op":"add","path":"/child","value":{"grandchild":{}}}])",
       R"({"foo":"bar","child":{"grandchild":{}}})"},
      {R"({"/":9,"~1":10})", R"([{"op":"test","path":"/~01","value":10},{"op":"remove","path":"/~1"}])", R"({"~1":10})"},
      {R"({"foo":["bar"]})", R"([{"op":"add","path":"/foo/-","value":["abc","def"]}])", R"({"foo":["bar",["abc","def"]]})"},
      {R"({"a":{"b":1}})", R"([{"op":"copy","from":"/a","path":"/c"},{"op":"replace","path":"/c/b","value":2}])",
       R"({"a":{"b":1},"c":{"b":2}})"},
      {R"({"":1})", R"([{"op":"replace","path":"/","value":2}])", R"({"":2})"},
      {R"({"a":1})", R"([{"op":"replace","path":"","value":{"b":2}}])", R"({"b":2})"},
      {R"({"a":[1,2,3]})", R"([{"op":"remove","path":"/a/-1"},{"op":"add","path":"/a/-1","value":9}])", R"({"a":[1,2,9]})"},
      {R"({"a":1})", R"([{"op":"test","path":"","value":{"a":1}}])", R"({"a":1})"},
      {R"({"a":1})", R"([{"op":"test","path":"/none","value":null}])", R"({"a":1})"},
      {R"({"a":1})", R"([{"op":"replace","path":"/b","value":2}])", R"({"a":1,"b":2})"},
      {R"({"a":1})", R"([])", R"({"a":1})"},
      {R"({"a":{"b":1}})", R"([{"op":"add","path":"/a","value":null}])", R"({"a":null})"},
  };
  for (const Row& row : rows) EXPECT_EQ(json_patched(row), canonical(row.expected)) << row.patch;
}

TEST(JsonPatch, RefusesWithEvanphxWords) {
  const Row rows[] = {
      {R"({"a":1})", R"([{"op":"test","path":"/a","value":2}])", "error: testing value /a failed: test failed"},
      {R"({"a":1})", R"([{"op":"remove","path":"/b"}])",
       "error: error in remove for path: '/b': Unable to remove nonexistent key: b: missing value"},
      {R"({"a":1})", R"([{"op":"remove","path":"/b/c"}])",
       R"(error: remove operation does not apply: doc is missing path: "/b/c": missing value)"},
      {R"({"a":1})", R"([{"op":"add","path":"/a/b","value":1}])",
       R"(error: add operation does not apply: doc is missing path: "/a/b": missing value)"},
      {R"({"a":[1]})", R"([{"op":"add","path":"/a/5","value":1}])",
       "error: error in add for path: '/a/5': Unable to access invalid index: 5: invalid index referenced"},
      {R"({"a":[1]})", R"([{"op":"add","path":"/a/x","value":1}])",
       R"(error: error in add for path: '/a/x': value was not a proper array index: 'x': strconv.Atoi: parsing "x": invalid syntax)"},
      {R"({"a":[1]})", R"([{"op":"replace","path":"/a/1","value":1}])",
       "error: replace operation does not apply: doc is missing key: /a/1: missing value"},
      {R"({"a":[1]})", R"([{"op":"replace","path":"/x/y","value":1}])",
       "error: replace operation does not apply: doc is missing path: /x/y: missing value"},
      {R"({"a":{"b":1}})", R"([{"op":"move","from":"/a","path":"/a/b"}])",
       "error: move operation does not apply: doc is missing destination path: /a/b: missing value"},
      {R"({"a":1})", R"([{"op":"move","path":"/b"}])",
       "error: move operation failed to decode from: operation, missing from field: missing value"},
      {R"({"a":1})", R"([{"op":"add","value":1}])",
       "error: add operation failed to decode path: operation missing path field: missing value"},
      {R"({"a":1})", R"([{"op":"add","path":5}])",
       "error: add operation failed to decode path: json: cannot unmarshal number into Go value of type string"},
      {R"({"a":1})", R"([{"op":"frob","path":"/a"}])", "error: Unexpected kind: frob"},
      {R"({"a":1})", R"([{"path":"/a"}])", "error: Unexpected kind: unknown"},
      {R"({"a":1})", R"([5])", "error: json: cannot unmarshal into Go value of type jsonpatch.Operation"},
      {R"({"a":1})", R"({"op":"add"})", "error: json: cannot unmarshal object into Go value of type jsonpatch.Patch"},
      {R"({"a":1})", R"([{"op":"add","path":"a","value":1}])",
       R"(error: add operation does not apply: doc is missing path: "a": missing value)"},
      {R"({"a":1})", R"([{"op":"replace","path":"","value":1}])", "error: replace operation value must be object or array"},
  };
  for (const Row& row : rows) EXPECT_EQ(json_patched(row), row.expected) << row.patch;
  json::Value document = parsed(R"({"a":1})");
  EXPECT_EQ(apply_json(document, parsed(R"([{"op":"test","path":"/a","value":2}])")).error().reason, Reason::invalid);
  EXPECT_EQ(apply_json(document, parsed("{}")).error().reason, Reason::bad_request);
}

std::string repeated(std::string_view operation, size_t count) {
  std::string text = "[";
  for (size_t i = 0; i < count; ++i) text.append(i > 0 ? "," : "").append(operation);
  return text + "]";
}

TEST(JsonPatch, IsBoundedInOperationsCopiesWorkAndDepth) {
  // security-checklist A3: a patch multiplies neither memory nor time.
  json::Value document = parsed(R"({"a":["x"]})");
  Result<void> result = apply_json(document, parsed(repeated(R"({"op":"test","path":"/a/0","value":"x"})", 10'001)));
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().reason, Reason::request_entity_too_large);
  EXPECT_EQ(result.error().message, "The allowed maximum operations in a JSON patch is 10000, got 10001");
  EXPECT_TRUE(apply_json(document, parsed(repeated(R"({"op":"test","path":"/a/0","value":"x"})", 10'000))).has_value());

  // Copying the array into itself doubles it each time.
  result = apply_json(document, parsed(repeated(R"({"op":"copy","from":"/a","path":"/a/-"})", 50)));
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().reason, Reason::request_entity_too_large);
  EXPECT_TRUE(result.error().message.starts_with("Unable to complete the copy, the accumulated size increase of copy is"));
  EXPECT_LT(json::print(document).size(), 2 * limits::json_patch_copy_bytes_max);

  // Inserting at the front of a large array moves it all, 10,000 times.
  document = json::Object{{"a", json::Array(100'000, json::Value{1})}};
  result = apply_json(document, parsed(repeated(R"({"op":"add","path":"/a/0","value":1})", 10'000)));
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().reason, Reason::request_entity_too_large);
  EXPECT_EQ(result.error().message, "the patch takes more work than the server allows");

  // Looking for a key that a large object lacks, 10,000 times.
  json::Object wide;
  for (int i = 0; i < 20'000; ++i) wide.append("key" + std::to_string(i), i);
  document = std::move(wide);
  result = apply_json(document, parsed(repeated(R"({"op":"test","path":"/none/x","value":1})", 1)));
  EXPECT_EQ(result.error().reason, Reason::invalid);
  result = apply_json(document, parsed(repeated(R"({"op":"add","path":"/key19999","value":1})", 10'000)));
  EXPECT_EQ(result.error().reason, Reason::request_entity_too_large);

  // Each operation nests one level deeper.
  document = parsed(R"({"a":{}})");
  result = apply_json(document, parsed(repeated(R"({"op":"copy","from":"/a","path":"/b"},{"op":"add","path":"/a","value":{}},{"op":"move","from":"/b","path":"/a/a"})", 200)));
  ASSERT_TRUE(result.has_error());
  EXPECT_NE(result.error().message.find("exceeded max depth"), std::string::npos);
}

TEST(MergePatch, FollowsRfc7386) {
  const Row rows[] = {
      {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
      {R"({"a":"b"})", R"({"a":null})", R"({})"},
      {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
      {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
      {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
      {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
      {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
      {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
      {R"({"a":1})", R"({"a":{"x":null,"y":1}})", R"({"a":{"y":1}})"},
      {R"({"a":"b"})", R"({})", R"({"a":"b"})"},
      {R"({"a":"b"})", R"(["c"])", "error: Invalid JSON Patch"},
      {R"({"a":"b"})", R"(null)", "error: Invalid JSON Patch"},
      {R"({"metadata":{"annotations":{"x":"1","y":"2"}}})", R"({"metadata":{"annotations":{"x":null,"z":"3"}}})",
       R"({"metadata":{"annotations":{"y":"2","z":"3"}}})"},
  };
  for (const Row& row : rows) {
    json::Value document = parsed(row.document);
    const Result<void> result = apply_merge(document, parsed(row.patch));
    EXPECT_EQ(outcome(document, result), canonical(row.expected)) << row.patch;
  }
}

TEST(MergePatch, WideObjectsMergeThroughAnIndex) {
  json::Object wide, changes, expected;
  for (int i = 0; i < 10'000; ++i) {
    const std::string key = "key" + std::to_string(i);
    wide.append(key, i);
    changes.append(key, i % 2 == 0 ? json::Value{} : json::Value{-i});
    if (i % 2 != 0) expected.append(key, -i);
  }
  changes.append("added", true);
  expected.append("added", true);
  json::Value document = std::move(wide);
  ASSERT_TRUE(apply_merge(document, std::move(changes)).has_value());
  EXPECT_EQ(document, json::Value{std::move(expected)});
}

std::string strategic(const codec::TypeInfo& type, const Row& row) {
  json::Value document = parsed(row.document);
  return outcome(document, apply_strategic(document, parsed(row.patch), type));
}

const codec::TypeInfo& pod() { return codec::type_of("kring.core.Pod"); }
const codec::TypeInfo& service() { return codec::type_of("kring.core.Service"); }
const codec::TypeInfo& deployment() { return codec::type_of("kring.apps.Deployment"); }

void expect_rows(const codec::TypeInfo& type, std::span<const Row> rows) {
  for (const Row& row : rows) EXPECT_EQ(strategic(type, row), canonical(row.expected)) << row.patch;
}

TEST(StrategicPatch, MergesMapsAndDeletesByNull) {
  const Row rows[] = {
      {R"({"metadata":{"labels":{"a":"1","b":"2"}}})", R"({"metadata":{"labels":{"a":null,"c":"3"}}})",
       R"({"metadata":{"labels":{"b":"2","c":"3"}}})"},
      {R"({"metadata":{"name":"x"}})", R"({"metadata":{"annotations":{"a":"1","b":null}}})",
       R"({"metadata":{"name":"x","annotations":{"a":"1"}}})"},
      {R"({"metadata":{"labels":{"a":"1"}}})", R"({"metadata":{"labels":null}})", R"({"metadata":{}})"},
      {R"({"metadata":{"labels":{"a":"1"}}})", R"({"metadata":{"labels":{"$patch":"replace","z":"9"}}})",
       R"({"metadata":{"labels":{"z":"9"}}})"},
      {R"({"metadata":{"labels":{"a":"1"}}})", R"({"metadata":{"labels":{"$patch":"delete"}}})", R"({"metadata":{"labels":{}}})"},
      {R"({"metadata":{}})", R"({"metadata":{"labels":{"$patch":"delete"}}})", R"({"metadata":{}})"},
      {R"({"metadata":{"labels":{"a":"1"}}})", R"({"metadata":{"labels":{"$patch":"merge"}}})",
       "error: unknown patch type: merge in map: map[$patch:merge]"},
      {R"({"spec":{"nodeSelector":{"a":"1"}}})", R"({"spec":{"nodeSelector":{"b":"2"}}})",
       R"({"spec":{"nodeSelector":{"a":"1","b":"2"}}})"},
      {R"({"spec":{"nodeName":"a"}})", R"({"spec":{"nodeName":"b"}})", R"({"spec":{"nodeName":"b"}})"},
      {R"({"a":1})", R"([1])", "error: invalid JSON document"},
  };
  expect_rows(pod(), rows);
}

TEST(StrategicPatch, MergesListsByTheirKey) {
  const Row rows[] = {
      // kubectl set image
      {R"({"spec":{"containers":[{"name":"a","image":"a:1","ports":[{"containerPort":80}]},{"name":"b","image":"b:1"}]}})",
       R"({"spec":{"containers":[{"name":"b","image":"b:2"}]}})",
       R"({"spec":{"containers":[{"name":"a","image":"a:1","ports":[{"containerPort":80}]},{"name":"b","image":"b:2"}]}})"},
      // kubectl apply keeps the order with $setElementOrder
      {R"({"spec":{"containers":[{"name":"a","image":"a:1"},{"name":"b","image":"b:1"}]}})",
       R"({"spec":{"$setElementOrder/containers":[{"name":"a"},{"name":"b"}],"containers":[{"name":"b","image":"b:2"}]}})",
       R"({"spec":{"containers":[{"name":"a","image":"a:1"},{"name":"b","image":"b:2"}]}})"},
      {R"({"spec":{"containers":[{"name":"a"},{"name":"b"}]}})",
       R"({"spec":{"$setElementOrder/containers":[{"name":"b"},{"name":"a"}]}})",
       R"({"spec":{"containers":[{"name":"b"},{"name":"a"}]}})"},
      {R"({"spec":{"containers":[{"name":"a"}]}})", R"({"spec":{"containers":[{"name":"c","image":"c"}]}})",
       R"({"spec":{"containers":[{"name":"c","image":"c"},{"name":"a"}]}})"},
      {R"({"spec":{"containers":[{"name":"a"},{"name":"b"}]}})", R"({"spec":{"containers":[{"name":"a","$patch":"delete"}]}})",
       R"({"spec":{"containers":[{"name":"b"}]}})"},
      {R"({"spec":{"containers":[{"name":"a"},{"name":"b"}]}})",
       R"({"spec":{"containers":[{"$patch":"replace"},{"name":"c"}]}})", R"({"spec":{"containers":[{"name":"c"}]}})"},
      {R"({"spec":{}})", R"({"spec":{"containers":[{"name":"a","$patch":"delete"},{"name":"b","image":null}]}})",
       R"({"spec":{"containers":[{"name":"b"}]}})"},
      {R"({"spec":{"containers":[{"name":"a","env":[{"name":"X","value":"1"},{"name":"Y","value":"2"}]}]}})",
       R"({"spec":{"containers":[{"name":"a","env":[{"name":"X","value":"9"},{"name":"Y","$patch":"delete"},{"name":"Z","value":"3"}]}]}})",
       R"({"spec":{"containers":[{"name":"a","env":[{"name":"X","value":"9"},{"name":"Z","value":"3"}]}]}})"},
      {R"({"spec":{"containers":[{"name":"a","ports":[{"containerPort":80,"name":"http"}]}]}})",
       R"({"spec":{"containers":[{"name":"a","ports":[{"containerPort":80,"name":"web"},{"containerPort":81}]}]}})",
       R"({"spec":{"containers":[{"name":"a","ports":[{"containerPort":80,"name":"web"},{"containerPort":81}]}]}})"},
      {R"({"spec":{"containers":[{"name":"a","volumeMounts":[{"mountPath":"/x","name":"v"}]}]}})",
       R"({"spec":{"containers":[{"name":"a","volumeMounts":[{"mountPath":"/y","name":"w"}]}]}})",
       R"({"spec":{"containers":[{"name":"a","volumeMounts":[{"mountPath":"/y","name":"w"},{"mountPath":"/x","name":"v"}]}]}})"},
      // lists without a merge strategy are replaced
      {R"({"spec":{"tolerations":[{"key":"a"},{"key":"b"}]}})", R"({"spec":{"tolerations":[{"key":"c"}]}})",
       R"({"spec":{"tolerations":[{"key":"c"}]}})"},
      {R"({"spec":{"containers":[{"name":"a","args":["1","2"]}]}})", R"({"spec":{"containers":[{"name":"a","args":["3"]}]}})",
       R"({"spec":{"containers":[{"name":"a","args":["3"]}]}})"},
      {R"({"metadata":{"ownerReferences":[{"uid":"1","name":"a"}]}})",
       R"({"metadata":{"ownerReferences":[{"uid":"2","name":"b"},{"uid":"1","controller":true}]}})",
       R"({"metadata":{"ownerReferences":[{"uid":"2","name":"b"},{"uid":"1","name":"a","controller":true}]}})"},
      {R"({"metadata":{"ownerReferences":[{"uid":"1"},{"uid":"2"}]}})",
       R"({"metadata":{"ownerReferences":[{"$patch":"delete","uid":"1"}],"uid":"x"}})",
       R"({"metadata":{"ownerReferences":[{"uid":"2"}],"uid":"x"}})"},
      {R"({"status":{"conditions":[{"type":"Ready","status":"False"},{"type":"Other","status":"True"}]}})",
       R"({"status":{"$setElementOrder/conditions":[{"type":"Ready"},{"type":"Other"}],"conditions":[{"type":"Ready","status":"True"}]}})",
       R"({"status":{"conditions":[{"type":"Ready","status":"True"},{"type":"Other","status":"True"}]}})"},
  };
  expect_rows(pod(), rows);
}

TEST(StrategicPatch, WeavesWhatOnlyTheServerKnowsIntoTheWantedOrder) {
  const Row rows[] = {
      // A sidecar that something injected stays where it stood.
      {R"({"spec":{"containers":[{"name":"a"},{"name":"sidecar"},{"name":"b"}]}})",
       R"({"spec":{"$setElementOrder/containers":[{"name":"a"},{"name":"b"},{"name":"c"}],"containers":[{"name":"c"}]}})",
       R"({"spec":{"containers":[{"name":"a"},{"name":"sidecar"},{"name":"b"},{"name":"c"}]}})"},
      // What takes the place of a deleted item counts as live, and so does not overtake what stood before.
      {R"({"spec":{"containers":[{"name":"d"},{"name":"e"},{"name":"b"}]}})",
       R"({"spec":{"$setElementOrder/containers":[{"name":"c"},{"name":"b"}],"containers":[{"name":"c"},{"name":"e","$patch":"delete"}]}})",
       R"({"spec":{"containers":[{"name":"d"},{"name":"c"},{"name":"b"}]}})"},
      {R"({"spec":{"containers":[{"name":"d"},{"name":"b"}]}})",
       R"({"spec":{"$setElementOrder/containers":[{"name":"c"},{"name":"b"}],"containers":[{"name":"c"}]}})",
       R"({"spec":{"containers":[{"name":"c"},{"name":"d"},{"name":"b"}]}})"},
      {R"({"spec":{"containers":[{"name":"s"},{"name":"a"},{"name":"b"}]}})",
       R"({"spec":{"$setElementOrder/containers":[{"name":"b"},{"name":"a"}]}})",
       R"({"spec":{"containers":[{"name":"s"},{"name":"b"},{"name":"a"}]}})"},
      {R"({"spec":{"containers":[{"name":"a"},{"name":"b"}]}})",
       R"({"spec":{"$setElementOrder/containers":[{"name":"b"}],"containers":[{"name":"a","$patch":"delete"}]}})",
       R"({"spec":{"containers":[{"name":"b"}]}})"},
      {R"({"spec":{}})", R"({"spec":{"$setElementOrder/containers":[{"name":"b"},{"name":"a"}],"containers":[{"name":"b"},{"name":"a"}]}})",
       R"({"spec":{"containers":[{"name":"b"},{"name":"a"}]}})"},
      {R"({"spec":{}})", R"({"spec":{"$setElementOrder/containers":[{"name":"b"}]}})", R"({"spec":{}})"},
      {R"({"spec":{"containers":[{"name":"a"}]}})",
       R"({"spec":{"$setElementOrder/containers":[{"name":"a"},{"name":"b"}],"containers":[{"name":"b"},{"name":"a"}]}})",
       "error: The order in patch list:\n[map[name:b] map[name:a]]\n doesn't match $setElementOrder list:\n[map[name:a] map[name:b]]\n"},
      {R"({"spec":{"containers":[{"name":"a"}]}})",
       R"({"spec":{"$setElementOrder/containers":[{"name":"a"}],"containers":[{"name":"b"}]}})",
       "error: The order in patch list:\n[map[name:b]]\n doesn't match $setElementOrder list:\n[map[name:a]]\n"},
      {R"({"spec":{"containers":[{"name":"a"}]}})", R"({"spec":{"$setElementOrder/containers":{"name":"a"}}})",
       "error: expected a []interface {}, but received a map[string]interface {}"},
      {R"({"spec":{"containers":[{"name":"a"}]}})", R"({"spec":{"$setElementOrder":[]}})",
       "error: invalid patch format of setElementOrder list"},
      {R"({"spec":{"containers":[{"name":"a"}]}})", R"({"spec":{"$setElementOrder/nothing":[]}})",
       R"(error: unable to find api field in struct PodSpec for the json field "nothing")"},
  };
  expect_rows(pod(), rows);
}

TEST(StrategicPatch, MergesListsOfPrimitives) {
  const Row rows[] = {
      {R"({"metadata":{"finalizers":["a","b"]}})", R"({"metadata":{"finalizers":["c","b"]}})",
       R"({"metadata":{"finalizers":["c","a","b"]}})"},
      {R"({"metadata":{"finalizers":["a","b","c"]}})", R"({"metadata":{"$deleteFromPrimitiveList/finalizers":["a","c"]}})",
       R"({"metadata":{"finalizers":["b"]}})"},
      {R"({"metadata":{}})", R"({"metadata":{"$deleteFromPrimitiveList/finalizers":["a"]}})", R"({"metadata":{}})"},
      {R"({"metadata":{"finalizers":["a","b"]}})",
       R"({"metadata":{"$deleteFromPrimitiveList/finalizers":["a"],"$setElementOrder/finalizers":["c","b"],"finalizers":["c"]}})",
       R"({"metadata":{"finalizers":["c","b"]}})"},
      {R"({"metadata":{"finalizers":["a"]}})", R"({"metadata":{"finalizers":null}})", R"({"metadata":{}})"},
      {R"({"metadata":{"finalizers":["a"]}})", R"({"metadata":{"finalizers":[["b"]]}})",
       "error: list element types are not identical: [[a] [[b]]]"},
      {R"({"metadata":{"finalizers":[]}})", R"({"metadata":{"finalizers":[["b"]]}})", "error: lists of lists are not supported"},
      {R"({"metadata":{"finalizers":["a"]}})", R"({"metadata":{"$deleteFromPrimitiveListX":["b"]}})",
       "error: invalid patch format of primitive list"},
  };
  expect_rows(pod(), rows);
}

TEST(StrategicPatch, RefusesListItemsWithoutTheirKey) {
  const Row rows[] = {
      {R"({"spec":{"containers":[{"name":"a"}]}})", R"({"spec":{"containers":[{"image":"x"}]}})",
       "error: map: map[image:x] does not contain declared merge key: name"},
      {R"({"spec":{"containers":[{"name":"a"}]}})", R"({"spec":{"containers":[{"$patch":"delete"}]}})",
       "error: map: map[$patch:delete] does not contain declared merge key: name"},
      {R"({"spec":{"containers":[{"name":"a"}]}})", R"({"spec":{"containers":[{"$patch":"merge","name":"a"}]}})",
       "error: merging lists cannot yet be specified in the patch"},
      {R"({"spec":{"containers":[{"name":"a"}]}})", R"({"spec":{"containers":[{"$patch":"frob","name":"a"}]}})",
       "error: unknown patch type: frob in map: map[$patch:frob name:a]"},
      {R"({"spec":{"containers":[{"name":"a"}]}})", R"({"spec":{"containers":["a"]}})",
       "error: list element types are not identical: [[map[name:a]] [a]]"},
  };
  expect_rows(pod(), rows);
}

TEST(StrategicPatch, RetainKeysClearsTheOtherMembersOfAUnion) {
  const Row rows[] = {
      {R"({"spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}}})",
       R"({"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}})", R"({"spec":{"strategy":{"type":"Recreate"}}})"},
      {R"({"spec":{"strategy":{"type":"Recreate"}}})",
       R"({"spec":{"strategy":{"$retainKeys":["rollingUpdate","type"],"type":"RollingUpdate","rollingUpdate":{"maxSurge":2}}}})",
       R"({"spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":2}}}})"},
      {R"({"spec":{"strategy":{"type":"Recreate"}}})", R"({"spec":{"strategy":{"$retainKeys":["type"],"rollingUpdate":{}}}})",
       "error: invalid patch format of retainKeys"},
      {R"({"spec":{"strategy":{"type":"Recreate"}}})", R"({"spec":{"strategy":{"$retainKeys":"type"}}})",
       "error: invalid patch format of retainKeys"},
      {R"({"spec":{"template":{"spec":{"volumes":[{"name":"v","hostPath":{"path":"/x"}}]}}}})",
       R"({"spec":{"template":{"spec":{"$setElementOrder/volumes":[{"name":"v"}],"volumes":[{"$retainKeys":["emptyDir","name"],"emptyDir":{},"hostPath":null,"name":"v"}]}}}})",
       R"({"spec":{"template":{"spec":{"volumes":[{"name":"v","emptyDir":{}}]}}}})"},
  };
  expect_rows(deployment(), rows);
}

TEST(StrategicPatch, MergesServicePortsByPort) {
  const Row rows[] = {
      {R"({"spec":{"ports":[{"port":80,"name":"http","targetPort":80},{"port":443,"name":"https"}]}})",
       R"({"spec":{"$setElementOrder/ports":[{"port":80},{"port":443}],"ports":[{"port":80,"targetPort":"web"}]}})",
       R"({"spec":{"ports":[{"port":80,"name":"http","targetPort":"web"},{"port":443,"name":"https"}]}})"},
      {R"({"spec":{"ports":[{"port":53,"protocol":"TCP"},{"port":53,"protocol":"UDP"},{"port":54}]}})",
       R"({"spec":{"ports":[{"port":53,"$patch":"delete"}]}})", R"({"spec":{"ports":[{"port":54}]}})"},
      {R"({"spec":{"selector":{"a":"1"}}})", R"({"spec":{"selector":{"a":null,"b":"2"}}})", R"({"spec":{"selector":{"b":"2"}}})"},
  };
  expect_rows(service(), rows);
}

TEST(StrategicPatch, AppliesWhatKubectlApplySends) {
  const Row row{
      R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"old","deployment.kubernetes.io/revision":"1"}},"spec":{"replicas":2,"selector":{"matchLabels":{"app":"web"}},"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"web:1","imagePullPolicy":"IfNotPresent","env":[{"name":"A","value":"1"}],"ports":[{"containerPort":80,"protocol":"TCP"}]}],"restartPolicy":"Always"}}}})",
      R"({"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"new"}},"spec":{"replicas":3,"template":{"spec":{"$setElementOrder/containers":[{"name":"web"},{"name":"log"}],"containers":[{"$setElementOrder/env":[{"name":"B"}],"env":[{"name":"B","value":"2"},{"$patch":"delete","name":"A"}],"image":"web:2","name":"web"},{"image":"log:1","name":"log"}]}}}})",
      R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"new","deployment.kubernetes.io/revision":"1"}},"spec":{"replicas":3,"selector":{"matchLabels":{"app":"web"}},"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"web:2","imagePullPolicy":"IfNotPresent","env":[{"name":"B","value":"2"}],"ports":[{"containerPort":80,"protocol":"TCP"}]},{"image":"log:1","name":"log"}],"restartPolicy":"Always"}}}})"};
  EXPECT_EQ(strategic(deployment(), row), canonical(row.expected));
}

TEST(EveryPatch, DoesWhatKubectlDoesWithRandomOnes) {
  // One case a line, made by a generator of random pods, deployments, services and patches: what kubectl 1.32
  // `patch --local` (Kubernetes' own libraries) made of it, or said.
  std::ifstream file{KRING_SOURCE_DIR "/tests/objects/patches/kubectl.jsonl"};
  size_t cases = 0;
  for (std::string line; std::getline(file, line); ++cases) {
    const json::Value row = parsed(line);
    json::Value document = *row.find("document");
    const json::Value& patch = *row.find("patch");
    const std::string_view type = row.string_or("type");
    Result<void> result;
    if (type == "json") {
      result = apply_json(document, patch);
    } else if (type == "merge") {
      result = apply_merge(document, patch);
    } else {
      result = apply_strategic(document, patch, codec::type_of(row.string_or("table")));
    }
    if (const json::Value* expected = row.find("expected")) {
      ASSERT_TRUE(result.has_value()) << result.error().message << "\n" << line;
      ASSERT_EQ(document, *expected) << json::print(document) << "\n" << line;
    } else {
      ASSERT_TRUE(result.has_error()) << line;
      // Values in messages are cut, and the error that is met first may be another.
      ASSERT_EQ(result.error().message.substr(0, 20), row.string_or("error").substr(0, 20)) << line;
    }
  }
  EXPECT_GT(cases, 50u);
}

TEST(StrategicPatch, IsBoundedInWork) {
  // security-checklist A3: large lists merge in n log n, and one large element cannot be merged into many times.
  json::Array live, changes, order;
  for (int i = 0; i < 20'000; ++i) {
    const std::string name = "e" + std::to_string(i);
    live.push_back(json::Object{{"name", name}, {"value", "1"}});
    changes.push_back(json::Object{{"name", name}, {"value", "2"}});
    order.push_back(json::Object{{"name", name}});
  }
  auto container = [](json::Object members) { return json::Object{{"containers", json::Array{std::move(members)}}}; };
  json::Value document = json::Object{{"spec", container({{"name", "a"}, {"env", std::move(live)}})}};
  json::Value patch = json::Object{
      {"spec", container({{"name", "a"}, {"$setElementOrder/env", std::move(order)}, {"env", std::move(changes)}})}};
  ASSERT_TRUE(apply_strategic(document, std::move(patch), pod()).has_value());
  const json::Array& env = document.at({"spec", "containers"})->as_array()[0].find("env")->as_array();
  ASSERT_EQ(env.size(), 20'000u);
  EXPECT_EQ(env[19'999], (json::Value{json::Object{{"name", "e19999"}, {"value", "2"}}}));

  json::Object limits_map;
  for (int i = 0; i < 20'000; ++i) limits_map.append("k" + std::to_string(i), "1");
  document = json::Object{
      {"spec", container({{"name", "a"}, {"resources", json::Object{{"limits", std::move(limits_map)}}}})}};
  json::Array repeats;
  for (int i = 0; i < 5'000; ++i) {
    json::Object one{{"k19999", std::to_string(i)}};
    repeats.push_back(json::Object{{"name", "a"}, {"resources", json::Object{{"limits", std::move(one)}}}});
  }
  const Result<void> result =
      apply_strategic(document, json::Object{{"spec", json::Object{{"containers", std::move(repeats)}}}}, pod());
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().reason, Reason::request_entity_too_large);
}

}  // namespace
}  // namespace kring::patch
