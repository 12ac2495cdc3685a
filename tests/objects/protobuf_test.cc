// Bodies as kubectl 1.33 sends them (captured from `kubectl create ...`), and messages made to hurt.
#include "objects/protobuf.h"

#include <gtest/gtest.h>

namespace kring::protobuf {
namespace {

std::string bytes(std::string_view hex) {
  std::string out;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (size_t i = 0; i + 1 < hex.size(); i += 2) out += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  return out;
}

struct Sent {
  std::string_view command, hex, json;
};

constexpr Sent sent[] = {
    {"create ns foo",
     "6b3873000a0f0a02763112094e616d657370616365121b0a130a03666f6f12001a0022002a0032003800420012001a020a001a002200",
     R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"foo"},"spec":{},"status":{}})"},
    {"create cm a --from-literal=k=v",
     "6b3873000a0f0a0276311209436f6e6669674d6170121b0a110a016112001a0022002a0032003800420012060a016b1201761a002200",
     R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"v"}})"},
    {"create secret generic s --from-literal=p=q",
     "6b3873000a0c0a0276311206536563726574121d0a110a017312001a0022002a0032003800420012060a01701201711a001a002200",
     R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"data":{"p":"cQ=="}})"},
    {"create deployment d --image=nginx --replicas=0 --port=80",
     "6b3873000a150a07617070732f7631120a4465706c6f796d656e7412b0010a1b0a016412001a0022002a003200380042005a080a03617070"
     "1201641282010800120a0a080a036170701201641a6a0a1a0a0012001a0022002a003200380042005a080a03617070120164124c122e0a05"
     "6e67696e7812056e67696e782a00320a0a001000185022002a0042006a007200800100880100900100a201001a0032004200"
     "4a0052005800600068008201008a01009a0100c2010022020a00280038001a0c0800100018002000280038001a002200",
     R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","labels":{"app":"d"}},"spec":{"replicas":0,
         "selector":{"matchLabels":{"app":"d"}},"template":{"metadata":{"labels":{"app":"d"}},"spec":{"containers":[
         {"name":"nginx","image":"nginx","ports":[{"containerPort":80}],"resources":{}}]}},"strategy":{}},"status":{}})"},
    {"create quota q --hard=cpu=1,pods=2",
     "6b3873000a130a027631120d5265736f7572636551756f746112300a110a017112001a0022002a0032003800420012190a0a0a0363707512"
     "030a01310a0b0a04706f647312030a01321a001a002200",
     R"({"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"q"},"spec":{"hard":{"cpu":"1","pods":"2"}},
         "status":{}})"},
    {"create service clusterip s --tcp=80:8080",
     "6b3873000a0d0a02763112075365727669636512630a1b0a017312001a0022002a003200380042005a080a0361707012017312400a1b0a07"
     "38302d38303830120354435018502207080010903f1a00280012080a036170701201731a002209436c757374657249503a00420052005a00"
     "600068001a020a001a002200",
     R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"s","labels":{"app":"s"}},"spec":{"ports":[{"name":
         "80-8080","protocol":"TCP","port":80,"targetPort":8080}],"selector":{"app":"s"},"type":"ClusterIP"},"status":{
         "loadBalancer":{}}})"},
    {"create pdb p --selector=a=b --min-available=50%",
     "6b3873000a200a09706f6c6963792f76311213506f6444697372757074696f6e42756467657412360a110a017012001a0022002a00320038"
     "00420012150a09080110001a0335302512080a060a01611201621a0a080018002000280030001a002200",
     R"({"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":"p"},"spec":{"minAvailable":"50%",
         "selector":{"matchLabels":{"a":"b"}}},"status":{"disruptionsAllowed":0,"currentHealthy":0,"desiredHealthy":0,
         "expectedPods":0}})"},
};

TEST(Protobuf, ReadsWhatKubectlSends) {
  for (const Sent& s : sent) {
    auto value = decode(bytes(s.hex));
    ASSERT_TRUE(value.has_value()) << s.command << ": " << value.error().message;
    auto expected = json::parse(s.json);
    ASSERT_TRUE(expected.has_value()) << s.command;
    // The status is not the client's to say, and its zeros mean nothing.
    value->as_object().erase("status");
    expected->value.as_object().erase("status");
    EXPECT_EQ(*value, expected->value) << s.command << ": " << json::print(*value);
    const codec::TypeInfo* type = codec::find_type(value->string_or("apiVersion"), value->string_or("kind"));
    codec::Findings findings;
    EXPECT_TRUE(codec::check(*type, *value, findings).has_value()) << s.command;
    EXPECT_TRUE(findings.unknown.empty()) << s.command;
  }
}

TEST(Protobuf, KeepsZerosThatMeanSomething) {
  // replicas: 0 is a pointer to zero in Go; paused: false is a plain flag.
  auto value = decode(bytes(sent[3].hex));
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(value->find("spec")->int_or("replicas", -1), 0);
  EXPECT_EQ(value->find("spec")->find("paused"), nullptr);
}

TEST(Protobuf, EveryCutOfABodyIsRefusedOrReadSafely) {
  for (const Sent& s : sent) {
    const std::string whole = bytes(s.hex);
    for (size_t length = 0; length < whole.size(); ++length) {
      auto value = decode(std::string_view{whole}.substr(0, length));
      if (value.has_error()) EXPECT_EQ(value.error().reason, Reason::bad_request) << s.command << ' ' << length;
    }
  }
}

TEST(Protobuf, EveryFlippedByteIsRefusedOrReadSafely) {
  for (const Sent& s : sent) {
    const std::string whole = bytes(s.hex);
    for (size_t at = 0; at < whole.size(); ++at) {
      for (const int flip : {0x01, 0x80, 0xff}) {
        std::string bad = whole;
        bad[at] = static_cast<char>(bad[at] ^ flip);
        auto value = decode(bad);
        if (value.has_error()) EXPECT_EQ(value.error().reason, Reason::bad_request) << s.command << ' ' << at;
      }
    }
  }
}

TEST(Protobuf, OtherBodiesAreRefused) {
  for (const std::string& body : {std::string{}, std::string{"{}"}, std::string{"k8s"}, std::string{"k8s\0", 4}}) {
    EXPECT_TRUE(decode(body).has_error()) << body;
  }
}

}  // namespace
}  // namespace kring::protobuf
