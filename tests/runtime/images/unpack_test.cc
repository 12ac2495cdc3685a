// A layer's tar never writes outside of its directory, whatever it says, and becomes what overlayfs expects.
// Method: hostile and ordinary archives built byte by byte, unpacked without the confining child, so that the
// unpacker's own rules are what is tested. Needs root (ownership, trusted.* attributes).
#include "runtime/images/unpack.h"

#include <fcntl.h>
#include <locale.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <filesystem>

#include "objects/check.h"
#include "runtime/images/layer_files.h"
#include "tests/runtime/images/harness.h"

namespace kring::images {
namespace {

using mkimage::Entry;

class StringStream final : public Stream {
 public:
  explicit StringStream(std::string data) : data_(std::move(data)) {}
  Result<size_t> read(std::span<uint8_t> out) override {
    size_t count = std::min(out.size(), data_.size() - at_);
    std::copy_n(data_.begin() + static_cast<std::ptrdiff_t>(at_), count, out.begin());
    at_ += count;
    return count;
  }

 private:
  std::string data_;
  size_t at_ = 0;
};

class UnpackTest : public testing::Test {
 protected:
  // The layer's root is two folders deep, with a file beside it that nothing may touch.
  UnpackTest() {
    std::filesystem::create_directories(root());
    write_text(temporary_.path("outside"), "untouched");
    write_text(temporary_.path("a/outside"), "untouched");
  }
  ~UnpackTest() override {
    EXPECT_EQ(read_text(temporary_.path("outside")), "untouched");
    EXPECT_EQ(read_text(temporary_.path("a/outside")), "untouched");
    size_t entries = 0;
    for (const auto& entry : std::filesystem::directory_iterator{temporary_.path("a")})
      entries += entry.exists() || true;
    EXPECT_EQ(entries, 2u);  // the root and the file
  }
  std::string root() const { return temporary_.path("a/root"); }
  std::string in(const std::string& name) const { return root() + "/" + name; }

  Result<UnpackResult> unpack_bytes(std::string bytes, std::vector<int> lower = {}, UnpackLimits caps = {}) {
    StringStream stream{std::move(bytes)};
    UniqueFd fd{::open(root().c_str(), O_RDONLY | O_DIRECTORY)};
    return unpack_layer(stream, fd.get(), lower, caps);
  }
  Result<UnpackResult> unpack(std::vector<Entry> entries) { return unpack_bytes(mkimage::tar(entries)); }
  struct stat look(const std::string& name) const {
    struct stat info {};
    EXPECT_EQ(::lstat(in(name).c_str(), &info), 0) << name;
    return info;
  }
  bool there(const std::string& name) const {
    struct stat info {};
    return ::lstat(in(name).c_str(), &info) == 0;
  }
  std::string attribute(const std::string& name, const char* key) const {
    char value[256];
    ssize_t length = ::lgetxattr(in(name).c_str(), key, value, sizeof value);
    return length < 0 ? "" : std::string(value, static_cast<size_t>(length));
  }

  TempDirectory temporary_;
};

TEST_F(UnpackTest, KeepsContentModesOwnersLinksAndTimes) {
  auto result = unpack({{.path = "./", .type = '5', .mode = 0755},
                        {.path = "bin/", .type = '5', .mode = 0750, .uid = 3, .gid = 4, .mtime = 1000},
                        {.path = "bin/su", .content = "program", .mode = 04755, .uid = 5, .gid = 6, .mtime = 2000},
                        {.path = "bin/su2", .type = '1', .link = "bin/su"},
                        {.path = "sh", .type = '2', .link = "bin/su"},
                        {.path = "pipe", .type = '6', .mode = 0600}});
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(read_text(in("bin/su")), "program");
  auto su = look("bin/su");
  EXPECT_EQ(su.st_mode & 07777, 04755u);
  EXPECT_EQ(su.st_uid, 5u);
  EXPECT_EQ(su.st_gid, 6u);
  EXPECT_EQ(su.st_mtim.tv_sec, 2000);
  EXPECT_EQ(look("bin/su2").st_ino, su.st_ino);
  EXPECT_EQ(look("bin").st_mode & 07777, 0750u);
  EXPECT_EQ(look("bin").st_mtim.tv_sec, 1000);
  EXPECT_EQ(std::filesystem::read_symlink(in("sh")), "bin/su");
  EXPECT_TRUE(S_ISFIFO(look("pipe").st_mode));
  EXPECT_EQ(result->bytes, 7u);
}

// I1: names that climb.
TEST_F(UnpackTest, RefusesNamesThatClimb) {
  for (std::string name : {"../outside", "x/../../outside", "..", "x/..", "/../outside", "./../outside"}) {
    EXPECT_TRUE(unpack({{.path = name, .content = "evil"}}).has_error()) << name;
    EXPECT_TRUE(unpack({{.path = "short", .content = "evil", .pax = {{"path", name}}}}).has_error()) << name;
  }
}

// I1: absolute names.
TEST_F(UnpackTest, TakesAbsoluteNamesAsBelowTheLayer) {
  ASSERT_TRUE(unpack({{.path = "/etc/passwd", .content = "mine"}, {.path = "//x", .content = "x"}}).has_value());
  EXPECT_EQ(read_text(in("etc/passwd")), "mine");
  EXPECT_TRUE(there("x"));
}

// I1: symbolic links that lead out, then names through them.
TEST_F(UnpackTest, WritesThroughLinksOnlyInsideTheLayer) {
  std::string up = temporary_.path();
  for (std::string target : {std::string{".."}, std::string{"../.."}, std::string{"/"}, up, up + "/a"}) {
    std::filesystem::remove_all(root());
    std::filesystem::create_directories(root());
    auto result = unpack({{.path = "link", .type = '2', .link = target}, {.path = "link/outside", .content = "evil"}});
    // Either the link's target is not there inside the layer, or the file went inside: never out.
    if (result.has_value()) EXPECT_TRUE(there("outside") || there("link/outside")) << target;
    EXPECT_EQ(read_text(temporary_.path("outside")), "untouched") << target;
  }
}

// I1: a directory that becomes a link between two names.
TEST_F(UnpackTest, FollowsADirectoryThatWasReplacedByALinkOnlyInside) {
  auto result = unpack({{.path = "d/", .type = '5', .mode = 0755},
                        {.path = "d/x", .content = "1"},
                        {.path = "real/", .type = '5', .mode = 0755},
                        {.path = "d", .type = '2', .link = "/real"},
                        {.path = "d/y", .content = "2"}});
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(read_text(in("real/y")), "2");
  EXPECT_FALSE(there("real/x"));
  auto out = unpack({{.path = "e/", .type = '5', .mode = 0755},
                     {.path = "e/x", .content = "1"},
                     {.path = "e", .type = '2', .link = temporary_.path("a")},
                     {.path = "e/outside", .content = "evil"}});
  EXPECT_TRUE(out.has_error());
}

TEST_F(UnpackTest, ForgetsADirectoryWhoseNameNowLeadsElsewhere) {
  // "d/up" leads to d itself; replacing it while it is the way to the last name must not keep the old way.
  auto result = unpack({{.path = "d/", .type = '5', .mode = 0755},
                        {.path = "other/", .type = '5', .mode = 0755},
                        {.path = "d/up", .type = '2', .link = "."},
                        {.path = "d/up/one", .content = "1"},
                        {.path = "d/up/up", .type = '2', .link = "../other"},
                        {.path = "d/up/two", .content = "2"}});
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(read_text(in("d/one")), "1");
  EXPECT_EQ(read_text(in("other/two")), "2");
}

// I1: hard links out of the layer.
TEST_F(UnpackTest, LinksOnlyToFilesOfTheLayer) {
  for (std::string target : {std::string{"../outside"}, temporary_.path("outside"), std::string{"/etc/passwd"},
                             std::string{"missing"}, std::string{"."}, std::string{""}, std::string{"x"}}) {
    EXPECT_TRUE(unpack({{.path = "x", .type = '1', .link = target}}).has_error()) << target;
  }
  EXPECT_TRUE(unpack({{.path = "up", .type = '2', .link = "../.."}, {.path = "x", .type = '1', .link = "up/outside"}})
                  .has_error());
  EXPECT_TRUE(unpack({{.path = "d/", .type = '5', .mode = 0755}, {.path = "x", .type = '1', .link = "d"}}).has_error());
  // A hard link to a symbolic link links the link, it does not follow it.
  ASSERT_TRUE(
      unpack({{.path = "s", .type = '2', .link = "/etc/passwd"}, {.path = "y", .type = '1', .link = "s"}}).has_value());
  EXPECT_TRUE(S_ISLNK(look("y").st_mode));
}

TEST_F(UnpackTest, KeepsAFileThatIsLinkedToItselfByAnotherName) {
  ASSERT_TRUE(unpack({{.path = "f", .content = "keep"},
                      {.path = "here", .type = '2', .link = "."},
                      {.path = "f", .type = '1', .link = "here/f"}})
                  .has_value());
  EXPECT_EQ(read_text(in("f")), "keep");
}

// I1: whiteouts.
TEST_F(UnpackTest, TurnsWhiteoutsIntoOverlaysOwn) {
  ASSERT_TRUE(unpack({{.path = "etc/", .type = '5', .mode = 0755},
                      {.path = "etc/.wh.passwd"},
                      {.path = "var/", .type = '5', .mode = 0755},
                      {.path = "var/.wh..wh..opq"},
                      {.path = "var/.wh..wh.plnk"},
                      {.path = "var/own", .content = "1"}})
                  .has_value());
  auto hidden = look("etc/passwd");
  EXPECT_TRUE(S_ISCHR(hidden.st_mode));
  EXPECT_EQ(hidden.st_rdev, 0u);
  EXPECT_EQ(attribute("var", "trusted.overlay.opaque"), "y");
  EXPECT_FALSE(there("var/.wh..wh..opq"));
  EXPECT_FALSE(there("var/.wh..wh.plnk"));
}

// I1: whiteouts that lead out or hide nothing.
TEST_F(UnpackTest, RefusesWhiteoutsOfNothingAndKeepsThemInside) {
  for (std::string name : {".wh.", ".wh..", ".wh...", "x/.wh..", "x/.wh..."}) {
    EXPECT_TRUE(unpack({{.path = name}}).has_error()) << name;
  }
  auto result = unpack({{.path = "up", .type = '2', .link = ".."}, {.path = "up/.wh.outside"}});
  if (result.has_value()) EXPECT_TRUE(S_ISCHR(look("outside").st_mode));
}

TEST_F(UnpackTest, HidesOnlyWhatLowerLayersHave) {
  ASSERT_TRUE(unpack({{.path = "file", .content = "mine"},
                      {.path = ".wh.file"},
                      {.path = "dir/", .type = '5', .mode = 0755},
                      {.path = ".wh.dir"},
                      {.path = ".wh.late"},
                      {.path = "late/", .type = '5', .mode = 0755},
                      {.path = ".wh.again"},
                      {.path = "again", .content = "new"}})
                  .has_value());
  EXPECT_EQ(read_text(in("file")), "mine");
  EXPECT_EQ(attribute("dir", "trusted.overlay.opaque"), "y");
  EXPECT_EQ(attribute("late", "trusted.overlay.opaque"), "y");
  EXPECT_EQ(read_text(in("again")), "new");
}

// I1: device nodes.
TEST_F(UnpackTest, LeavesDeviceNodesOut) {
  auto result = unpack({{.path = "null", .type = '3', .mode = 0666, .device_major = 1, .device_minor = 3},
                        {.path = "disk", .type = '4', .mode = 0666, .device_major = 8, .device_minor = 0},
                        {.path = "zero", .type = '3', .mode = 0666}});
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->skipped_devices, 3u);
  EXPECT_FALSE(there("null"));
  EXPECT_FALSE(there("disk"));
  EXPECT_FALSE(there("zero"));  // a 0:0 device would be a whiteout that nobody asked for
}

// I1: extended attributes.
TEST_F(UnpackTest, KeepsFileCapabilitiesAndUserAttributesOnly) {
  std::string capability{"\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20};
  ASSERT_TRUE(unpack({{.path = "f",
                       .content = "x",
                       .pax = {{"SCHILY.xattr.security.capability", capability},
                               {"SCHILY.xattr.user.note", "hi"},
                               {"SCHILY.xattr.user.overlay.opaque", "y"},
                               {"SCHILY.xattr.trusted.overlay.redirect", "/etc"},
                               {"SCHILY.xattr.trusted.x", "y"},
                               {"SCHILY.xattr.security.selinux", "z"}}},
                      {.path = "d/", .type = '5', .mode = 0755, .pax = {{"SCHILY.xattr.trusted.overlay.opaque", "y"}}}})
                  .has_value());
  EXPECT_EQ(attribute("f", "security.capability"), capability);
  EXPECT_EQ(attribute("f", "user.note"), "hi");
  for (const char* name : {"user.overlay.opaque", "trusted.overlay.redirect", "trusted.x"}) {
    EXPECT_EQ(attribute("f", name), "") << name;
  }
  EXPECT_EQ(attribute("d", "trusted.overlay.opaque"), "");
}

// I1: PAX overrides: the extended header wins over the short one, and is checked the same.
TEST_F(UnpackTest, ReadsLongAndForeignNamesFromPaxHeaders) {
  ::setlocale(LC_CTYPE, "C.UTF-8");  // as the confined child does
  std::string deep = "d/" + std::string(200, 'x') + "/" + std::string(200, 'y');
  ASSERT_TRUE(unpack({{.path = deep, .content = "deep"},
                      {.path = "x", .content = "u", .pax = {{"path", "gr\xc3\xbc\xc3\x9f"}}},
                      {.path = "l", .type = '2', .link = "short", .pax = {{"linkpath", "\xe2\x82\xac"}}},
                      {.path = "big", .content = "x", .pax = {{"uid", "4000000000"}}}})
                  .has_value());
  EXPECT_EQ(read_text(in(deep)), "deep");
  EXPECT_EQ(read_text(in("gr\xc3\xbc\xc3\x9f")), "u");
  EXPECT_EQ(std::filesystem::read_symlink(in("l")), "\xe2\x82\xac");
  EXPECT_EQ(look("big").st_uid, 4000000000u);
}

// I1: owners and sizes that cannot be.
TEST_F(UnpackTest, RefusesOwnersThatMeanUnchanged) {
  EXPECT_TRUE(unpack({{.path = "f", .pax = {{"uid", "4294967295"}}}}).has_error());
  EXPECT_TRUE(unpack({{.path = "f", .pax = {{"gid", "99999999999"}}}}).has_error());
}

// I1: duplicate entries: the last one wins, whatever kinds they are.
TEST_F(UnpackTest, LetsTheLastOfDuplicateEntriesWin) {
  ASSERT_TRUE(unpack({{.path = "a", .content = "first"},
                      {.path = "a", .content = "second"},
                      {.path = "b", .content = "file"},
                      {.path = "b/", .type = '5', .mode = 0755},
                      {.path = "b/in", .content = "x"},
                      {.path = "c/", .type = '5', .mode = 0755},
                      {.path = "c/in/deep", .content = "x"},
                      {.path = "c", .content = "file"},
                      {.path = "s", .type = '2', .link = "/etc/passwd"},
                      {.path = "s", .content = "not through the link"}})
                  .has_value());
  EXPECT_EQ(read_text(in("a")), "second");
  EXPECT_EQ(read_text(in("b/in")), "x");
  EXPECT_EQ(read_text(in("c")), "file");
  EXPECT_TRUE(S_ISREG(look("s").st_mode));
}

// I1: sparse files are counted by the size they claim.
TEST_F(UnpackTest, UnpacksSparseFilesAndCountsTheirFullSize) {
  // GNU sparse format 0.1: the map is in the extended header, the content only the parts that are there.
  Entry sparse{.path = "sparse", .content = "endX"};
  sparse.pax = {{"GNU.sparse.size", "1048576"}, {"GNU.sparse.numblocks", "1"}, {"GNU.sparse.map", "1048572,4"}};
  ASSERT_TRUE(unpack({sparse}).has_value());
  EXPECT_EQ(look("sparse").st_size, 1048576);
  EXPECT_EQ(read_text(in("sparse")).substr(1048572), "endX");
  EXPECT_LT(look("sparse").st_blocks * 512, 1048576);
  auto huge = sparse;
  huge.pax["GNU.sparse.size"] = "1099511627776";
  huge.pax["GNU.sparse.map"] = "1099511627772,4";
  auto refused = unpack({huge});
  ASSERT_TRUE(refused.has_error());
  EXPECT_NE(refused.error().message.find("more than"), std::string::npos);
}

// I2: caps on bytes and entries.
TEST_F(UnpackTest, StopsAtTheCapsOnBytesAndEntries) {
  UnpackLimits caps{.layer_bytes_max = 1000, .layer_entries_max = 5};
  EXPECT_TRUE(unpack_bytes(mkimage::tar({{.path = "f", .content = std::string(1001, 'x')}}), {}, caps).has_error());
  EXPECT_TRUE(unpack_bytes(mkimage::tar({{.path = "f", .content = std::string(600, 'x')},
                                         {.path = "g", .content = std::string(600, 'x')}}),
                           {}, caps)
                  .has_error());
  std::vector<Entry> many;
  for (int i = 0; i < 6; ++i) many.push_back({.path = "n" + std::to_string(i)});
  EXPECT_TRUE(unpack_bytes(mkimage::tar(many), {}, caps).has_error());
  many.pop_back();
  std::filesystem::remove_all(root());
  std::filesystem::create_directories(root());
  EXPECT_TRUE(unpack_bytes(mkimage::tar(many), {}, caps).has_value());
}

// I2: deep and long paths, giant extended headers.
TEST_F(UnpackTest, RefusesPathsThatAreTooDeepOrTooLong) {
  std::string deep;
  for (int i = 0; i < 300; ++i) deep += "d/";
  EXPECT_TRUE(unpack({{.path = deep + "f"}}).has_error());
  EXPECT_TRUE(unpack({{.path = std::string(256, 'n')}}).has_error());
  std::string longest;
  for (int i = 0; i < 20; ++i) longest += std::string(250, 'n') + "/";
  EXPECT_TRUE(unpack({{.path = longest}}).has_error());
  Entry giant{.path = "f"};
  giant.pax["comment"] = std::string(80 << 20, 'x');
  EXPECT_TRUE(unpack({giant}).has_error());
}

// I1: archives that are cut off or garbled at any byte never crash the unpacker and never write outside.
TEST_F(UnpackTest, SurvivesDamageAtAnyPlace) {
  std::string whole = mkimage::tar({{.path = "d/", .type = '5', .mode = 0755},
                                    {.path = "d/f", .content = std::string(700, 'x'), .pax = {{"mtime", "1.5"}}},
                                    {.path = "l", .type = '2', .link = "d/f"},
                                    {.path = "h", .type = '1', .link = "d/f"},
                                    {.path = "d/.wh.x"}});
  for (size_t at = 0; at < whole.size(); at += 13) {
    std::string cut = whole.substr(0, at), garbled = whole;
    garbled[at] = static_cast<char>(garbled[at] ^ 0x5a);
    KRING_MAYBE(unpack_bytes(cut).has_error());
    KRING_MAYBE(unpack_bytes(garbled).has_error());
  }
}

TEST_F(UnpackTest, GivesUnnamedDirectoriesTheModeTheyHaveBelow) {
  std::string lower = temporary_.path("lower");
  std::filesystem::create_directories(lower + "/tmp");
  ASSERT_EQ(::chmod((lower + "/tmp").c_str(), 01777), 0);
  ASSERT_EQ(::chown((lower + "/tmp").c_str(), 7, 8), 0);
  UniqueFd fd{::open(lower.c_str(), O_RDONLY | O_DIRECTORY)};
  ASSERT_TRUE(unpack_bytes(mkimage::tar({{.path = "tmp/x/y", .content = "1"}}), {fd.get()}).has_value());
  EXPECT_EQ(look("tmp").st_mode & 07777, 01777u);
  EXPECT_EQ(look("tmp").st_uid, 7u);
  EXPECT_EQ(look("tmp/x").st_mode & 07777, 0755u);
}

TEST_F(UnpackTest, ListsWhatIsThereAndFindsDamage) {
  auto result = unpack({{.path = "d/", .type = '5', .mode = 0755},
                        {.path = "d/with space%", .content = "content"},
                        {.path = "gone", .content = "x"},
                        {.path = "gone/", .type = '5', .mode = 0700},
                        {.path = "l", .type = '2', .link = "d"}});
  ASSERT_TRUE(result.has_value());
  std::string id = "sha256:" + std::string(64, '1');
  std::string text = print_layer_files(id, 1, result->bytes, result->list);
  auto files = parse_layer_files(text);
  ASSERT_TRUE(files.has_value()) << files.error().message;
  EXPECT_EQ(files->files.size(), 5u);  // the root, d, the file, gone, l
  UniqueFd fd{::open(root().c_str(), O_RDONLY | O_DIRECTORY)};
  EXPECT_TRUE(check_layer_files(fd.get(), *files).empty());
  write_text(in("d/with space%"), "CONTENT");
  EXPECT_EQ(check_layer_files(fd.get(), *files).size(), 1u);
  write_text(in("d/with space%"), "");
  EXPECT_EQ(check_layer_files(fd.get(), *files)[0], "/d/with%20space%25 has 0 bytes instead of 7");
  std::filesystem::remove_all(in("d"));
  EXPECT_EQ(check_layer_files(fd.get(), *files).size(), 2u);
  text[text.size() - 3] ^= 1;
  EXPECT_TRUE(parse_layer_files(text).has_error());
}

}  // namespace
}  // namespace kring::images
