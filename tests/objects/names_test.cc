// The grammars of names: what passes, what fails, and Kubernetes' words for it.
#include "objects/names.h"

#include <gtest/gtest.h>

namespace kring::names {
namespace {

struct Rows {
  std::vector<std::string> good, bad;
};

void expect_grammar(Messages (*rule)(std::string_view), const Rows& rows) {
  for (const std::string& text : rows.good) EXPECT_TRUE(rule(text).empty()) << text << ": " << rule(text).front();
  for (const std::string& text : rows.bad) EXPECT_FALSE(rule(text).empty()) << text;
}

TEST(Names, Dns1123LabelsHaveNoDotsAndAtMost63Characters) {
  expect_grammar(dns1123_label, {{"a", "ab", "1", "a-b", "a--b", "0-0", std::string(63, 'a')},
                                 {"", "A", "a.b", "-a", "a-", "a_b", "a b", std::string(64, 'a'), "\xC3\xA9", " a"}});
  EXPECT_EQ(dns1123_label("a.b"), Messages{"must not contain dots"});
  EXPECT_EQ(dns1123_label("A"),
            Messages{"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must "
                     "start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for "
                     "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"});
  EXPECT_EQ(dns1123_label(std::string(64, 'a')), Messages{"must be no more than 63 characters"});
}

TEST(Names, Dns1123SubdomainsAreLabelsWithDots) {
  expect_grammar(dns1123_subdomain,
                 {{"a", "a.b", "1.2.3.4", "a-b.c-d", std::string(253, 'a')},
                  {"", ".", "a.", ".a", "a..b", "a.-b", "A.b", "a_b", "a/b", std::string(254, 'a')}});
  EXPECT_EQ(dns1123_subdomain("Web"),
            Messages{"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
                     "must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation "
                     "is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"});
  EXPECT_TRUE(dns1123_subdomain_with_underscore("_sip._tcp.a_b").empty());
  EXPECT_FALSE(dns1123_subdomain_with_underscore("_").empty());
  EXPECT_TRUE(is_dns1123_subdomain("a.b"));
  EXPECT_FALSE(is_dns1123_subdomain("a..b"));
}

TEST(Names, Dns1035LabelsStartWithALetter) {
  expect_grammar(dns1035_label, {{"a", "a1", "a-1"}, {"", "1a", "-a", "a-", "A", "a.b", std::string(64, 'a')}});
  EXPECT_EQ(dns1035_label("1a"),
            Messages{"a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
                     "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
                     "regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"});
}

TEST(Names, WildcardsStandFirstAndAlone) {
  expect_grammar(wildcard_dns1123_subdomain,
                 {{"*.a", "*.a.b"}, {"*", "*.", "a.*", "*.*.a", "*a.b", "*.-a", "a.b"}});
}

TEST(Names, QualifiedNamesMayHaveOneSubdomainPrefix) {
  expect_grammar(qualified_name,
                 {{"a", "A", "a_b.c-d", "1", "example.com/a", "1.2/x", std::string(63, 'a'), "a/" + std::string(63, 'b')},
                  {"", "-a", "a-", "a b", "/a", "a/", "a/b/c", "A.b/c", "a b/c", std::string(64, 'a')}});
  EXPECT_EQ(qualified_name("/a"), Messages{"prefix part must be non-empty"});
  EXPECT_EQ(qualified_name("a/b/c"),
            Messages{"a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
                     "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
                     "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix "
                     "and '/' (e.g. 'example.com/MyName')"});
  EXPECT_EQ(qualified_name("a/").size(), 2u);
  EXPECT_EQ(qualified_name("a/")[0], "name part must be non-empty");
}

TEST(Names, LabelValuesMayBeEmpty) {
  expect_grammar(label_value, {{"", "a", "A_b.c-1", std::string(63, 'x')}, {"-", "a/b", "a b", ".", std::string(64, 'x')}});
}

TEST(Names, PortNamesAreIanaServiceNames) {
  expect_grammar(port_name, {{"a", "http", "a-1", "1a", "123456789012a45"},
                             {"", "1", "-a", "a-", "a--b", "HTTP", "a_b", "1234567890123a56"}});
  EXPECT_EQ(port_name("A--").size(), 4u);
  EXPECT_TRUE(port_number(65535).empty());
  EXPECT_EQ(port_number(0), Messages{"must be between 1 and 65535, inclusive"});
  EXPECT_FALSE(port_number(65536).empty());
}

TEST(Names, SmallGrammars) {
  expect_grammar(env_var, {{"A", "1", "a b", "my.env-name", "%"}, {"", "a=b", "a\n", "\xC3\xA9"}});
  expect_grammar(c_identifier, {{"a", "_", "a1_"}, {"", "1a", "a-b", "a.b"}});
  expect_grammar(config_map_key, {{"a", "A.b-c_d", ".a", std::string(253, 'a')},
                                  {"", ".", "..", "..a", "a/b", "a b", std::string(254, 'a')}});
  expect_grammar(http_header, {{"X-Header-Name", "a"}, {"", "a b", "a:", "a_b"}});
  expect_grammar(percent, {{"1%", "100%", "999%"}, {"", "%", "1", "a%", "-1%", "1.5%"}});
  expect_grammar(ip_address, {{"10.9.8.7", "::1", "2001:db8::ffff"}, {"", "10.9.8", "256.1.1.1", "a", "1.2.3.4/8"}});
  expect_grammar(cidr, {{"10.0.0.0/8", "::/0", "2001:db8::/64", "1.2.3.4/32"},
                        {"", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "::/129", "a/8"}});
  expect_grammar(condition_reason, {{"A", "ReasonA:ReasonB", "a_"}, {"", "1a", "a,", "a b"}});
  expect_grammar(path_segment, {{"a", "A:b", "system:node"}, {".", "..", "a/b", "a%b"}});
  EXPECT_TRUE(user_id(0).empty());
  EXPECT_EQ(user_id(-1), Messages{"must be between 0 and 2147483647, inclusive"});
  EXPECT_FALSE(group_id(int64_t{1} << 31).empty());
}

TEST(Names, GeneratedNamesMayEndInADash) {
  EXPECT_TRUE(name_is_dns_subdomain("web-", true).empty());
  EXPECT_FALSE(name_is_dns_subdomain("web-", false).empty());
  EXPECT_TRUE(name_is_dns_label("web-", true).empty());
  EXPECT_TRUE(name_is_dns1035_label("web-", true).empty());
  EXPECT_FALSE(name_is_dns_label("-", true).empty());
  EXPECT_TRUE(name_is_path_segment("..", true).empty());
  EXPECT_EQ(name_is_path_segment("..", false), Messages{"may not be '..'"});
  EXPECT_EQ(name_is_path_segment("a/b%", true).size(), 2u);
}

}  // namespace
}  // namespace kring::names
