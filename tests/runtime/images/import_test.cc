// Archives of every form become the same images; what is damaged or ambiguous is refused; the store shares layers,
// finds and repairs damage, and survives being cut off anywhere. Method: a real directory, the real confined child.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "runtime/images/digest.h"
#include "tests/runtime/images/harness.h"

namespace kring::images {
namespace {

namespace fs = std::filesystem;
using mkimage::Compression;
using mkimage::Entry;

std::vector<Entry> small_tree(std::string content = "#!/bin/sh\n") {
  return {{.path = "etc/", .type = '5', .mode = 0755},
          {.path = "etc/motd", .content = "hello"},
          {.path = "run", .content = std::move(content), .mode = 0755}};
}

size_t entries_in(const std::string& directory) {
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator{directory}) count += entry.exists() || true;
  return count;
}

class ImportTest : public ImagesTest {
 protected:
  std::string in_store(const std::string& name) const { return temporary_.path("images/" + name); }
  void expect_nothing_left_over() { EXPECT_EQ(entries_in(in_store("tmp")), 0u); }
};

TEST_F(ImportTest, ReadsTheSameImageFromEveryFormOfArchive) {
  auto image = image_of(small_tree(), "example.com/app:1");
  image.command = {"--serve"};
  image.env = {"A=1"};
  image.user = "1000:1000";
  image.working_directory = "/etc";
  image.labels = {{"a", "b"}};
  std::string oci = mkimage::archive(mkimage::oci_layout({image}, Compression::none));
  const std::pair<const char*, std::string> forms[] = {
      {"oci", oci},
      {"oci with gzip layers", mkimage::archive(mkimage::oci_layout({image}, Compression::gzip))},
      {"oci with zstd layers", mkimage::archive(mkimage::oci_layout({image}, Compression::zstd))},
      {"oci, gzip around", mkimage::compress(oci, Compression::gzip)},
      {"oci, zstd around", mkimage::compress(oci, Compression::zstd)},
      {"docker save", mkimage::archive(mkimage::docker_save({image}))},
      {"docker save, gzip around",
       mkimage::compress(mkimage::archive(mkimage::docker_save({image})), Compression::gzip)},
      {"index of indexes", mkimage::archive(mkimage::oci_layout({image}, Compression::gzip, true))}};
  for (const auto& [name, bytes] : forms) {
    fs::remove_all(in_store(""));
    auto store = open_store();
    auto imported = import_bytes(*store, bytes);
    ASSERT_TRUE(imported.has_value()) << name << ": " << imported.error().message;
    auto found = store->find("example.com/app:1");
    ASSERT_TRUE(found.has_value() && found->has_value()) << name;
    const Image& got = **found;
    EXPECT_EQ(got.config.entrypoint, std::vector<std::string>{"/run"}) << name;
    EXPECT_EQ(got.config.command, std::vector<std::string>{"--serve"}) << name;
    EXPECT_EQ(got.config.env, std::vector<std::string>{"A=1"}) << name;
    EXPECT_EQ(got.config.user, "1000:1000") << name;
    EXPECT_EQ(got.config.working_directory, "/etc") << name;
    EXPECT_EQ(got.config.labels.at("a"), "b") << name;
    EXPECT_EQ(got.architecture, machine_architecture()) << name;
    EXPECT_EQ(got.created.ns, 1767225600'000'000'000) << name;
    ASSERT_EQ(got.layers.size(), 1u) << name;
    EXPECT_EQ(read_text(got.layers[0] + "/etc/motd"), "hello") << name;
    expect_nothing_left_over();
  }
}

TEST_F(ImportTest, ReadsAnOciLayoutDirectory) {
  auto store = open_store();
  write_layout(temporary_.path("layout"), mkimage::oci_layout({image_of(small_tree(), "a:1")}, Compression::gzip));
  ASSERT_TRUE(await(store->import(temporary_.path("layout"), "")).has_value());
  EXPECT_TRUE(store->find("a:1")->has_value());
}

TEST_F(ImportTest, FollowsNoLinkOutOfALayoutDirectory) {
  auto files = mkimage::oci_layout({image_of(small_tree(), "a:1")}, Compression::gzip);
  auto store = open_store();
  write_layout(temporary_.path("layout"), files);
  for (const auto& [name, content] : files) {
    if (!name.starts_with("blobs/")) continue;
    write_text(temporary_.path("elsewhere"), content);
    fs::remove(temporary_.path("layout/" + name));
    fs::create_symlink(temporary_.path("elsewhere"), temporary_.path("layout/" + name));
    EXPECT_TRUE(await(store->import(temporary_.path("layout"), "")).has_error()) << name;
    fs::remove(temporary_.path("layout/" + name));
    write_text(temporary_.path("layout/" + name), content);
  }
}

TEST_F(ImportTest, StacksLayersTopmostFirstAndSharesThem) {
  auto store = open_store();
  auto base = image_of(small_tree(), "base:1");
  auto app = base;
  app.layers.push_back(mkimage::tar({{.path = "etc/.wh.motd"}, {.path = "app", .content = "app"}}));
  app.tags = {"app:1", "app:stable"};
  ASSERT_TRUE(import_files(*store, mkimage::oci_layout({base}, Compression::gzip)).has_value());
  ASSERT_TRUE(import_files(*store, mkimage::oci_layout({app}, Compression::zstd)).has_value());
  auto base_image = store->find("base:1"), app_image = store->find("app:stable");
  ASSERT_TRUE(base_image->has_value() && app_image->has_value());
  ASSERT_EQ((*app_image)->layers.size(), 2u);
  EXPECT_EQ((*app_image)->layers[1], (*base_image)->layers[0]);
  EXPECT_EQ(read_text((*app_image)->layers[0] + "/app"), "app");
  EXPECT_EQ(entries_in(in_store("layers")), 2u);
  EXPECT_EQ((*app_image)->references,
            (std::vector<std::string>{"docker.io/library/app:1", "docker.io/library/app:stable"}));
  EXPECT_EQ(store->list()->size(), 2u);
}

TEST_F(ImportTest, FindsByNameIdAndDigest) {
  auto store = open_store();
  auto imported = import_files(*store, mkimage::oci_layout({image_of(small_tree(), "a:1")}, Compression::gzip));
  ASSERT_TRUE(imported.has_value());
  const Image& image = imported->at(0);
  for (const std::string& name : {std::string{"a:1"}, std::string{"docker.io/library/a:1"}, image.id,
                                  image.id.substr(7), "a@" + image.digest, "a:whatever@" + image.digest}) {
    EXPECT_TRUE(store->find(name)->has_value()) << name;
  }
  for (const std::string& name : {std::string{"a"}, std::string{"a:2"}, std::string{"b:1"}, "b@" + image.digest,
                                  "a@sha256:" + std::string(64, '0')}) {
    EXPECT_FALSE(store->find(name)->has_value()) << name;
  }
  EXPECT_TRUE(store->find("a:").has_error());
}

TEST_F(ImportTest, KnowsTheNodesOwnRootAsAnImage) {
  auto store = open_store();
  auto host = store->find("kring.local/host");
  ASSERT_TRUE(host->has_value());
  EXPECT_TRUE((*host)->host_root);
  EXPECT_EQ((*host)->layers, std::vector<std::string>{"/"});
  EXPECT_TRUE(await(store->remove("kring.local/host")).has_error());
  auto fake = image_of(small_tree(), "kring.local/host:latest");
  EXPECT_TRUE(import_files(*store, mkimage::oci_layout({fake}, Compression::none)).has_error());
  fake.tags.clear();
  EXPECT_TRUE(import_files(*store, mkimage::oci_layout({fake}, Compression::none), "kring.local/host").has_error());
}

TEST_F(ImportTest, GivesATagToAnImageWithoutAName) {
  auto store = open_store();
  auto nameless = mkimage::oci_layout({image_of(small_tree(), "")}, Compression::none);
  auto refused = import_files(*store, nameless);
  ASSERT_TRUE(refused.has_error());
  EXPECT_NE(refused.error().message.find("give it a tag"), std::string::npos);
  ASSERT_TRUE(import_files(*store, nameless, "mine:1").has_value());
  EXPECT_TRUE(store->find("mine:1")->has_value());
  auto docker = mkimage::docker_save({image_of(small_tree("other"), "")});
  ASSERT_TRUE(import_files(*store, docker, "mine:2").has_value());
  EXPECT_TRUE(store->find("mine:2")->has_value());
}

TEST_F(ImportTest, MovesANameToTheImageImportedLast) {
  auto store = open_store();
  ASSERT_TRUE(
      import_files(*store, mkimage::oci_layout({image_of(small_tree("one"), "a:1")}, Compression::none)).has_value());
  auto first = **store->find("a:1");
  ASSERT_TRUE(
      import_files(*store, mkimage::oci_layout({image_of(small_tree("two"), "a:1")}, Compression::none)).has_value());
  auto second = **store->find("a:1");
  EXPECT_NE(first.id, second.id);
  EXPECT_EQ(store->list()->size(), 1u);
  // A container may still run from the first: its layers stay as long as its id is in use.
  ASSERT_TRUE(await(store->collect({first.id})).has_value());
  EXPECT_TRUE(fs::exists(first.layers[0]));
  ASSERT_TRUE(await(store->collect({})).has_value());
  EXPECT_FALSE(fs::exists(first.layers[0]));
  EXPECT_TRUE(fs::exists(second.layers[0]));
}

TEST_F(ImportTest, PicksThisMachineFromAnIndex) {
  auto store = open_store();
  auto mine = image_of(small_tree("mine"), "a:1"), other = image_of(small_tree("other"), "a:1");
  other.architecture = machine_architecture() == "s390x" ? "amd64" : "s390x";
  for (bool nested : {true, false}) {
    fs::remove_all(in_store(""));
    store = open_store();
    ASSERT_TRUE(import_files(*store, mkimage::oci_layout({other, mine}, Compression::gzip, nested)).has_value());
    EXPECT_EQ(read_text((*store->find("a:1"))->layers[0] + "/run"), "mine");
  }
  auto only_other = import_files(*store, mkimage::oci_layout({other}, Compression::gzip, true));
  ASSERT_TRUE(only_other.has_error());
  EXPECT_NE(only_other.error().message.find("but for linux/s390x"), std::string::npos) << only_other.error().message;
}

// Replaces text in a document of a layout and renames the blobs above it, so that all digests are right again.
std::map<std::string, std::string> edited(std::map<std::string, std::string> files, const std::string& from,
                                          const std::string& to) {
  for (bool again = true; again;) {
    again = false;
    for (auto& [name, content] : files) {
      size_t at = content.find(from);
      if (at == std::string::npos || content.size() > 100'000) continue;
      std::string text = content;
      text.replace(at, from.size(), to);
      if (!name.starts_with("blobs/")) {
        content = text;
        return files;
      }
      std::string before = digest_of(content), after = digest_of(text), old_name = name;
      size_t old_size = content.size(), new_size = text.size();
      files.erase(old_name);
      files["blobs/sha256/" + after.substr(7)] = text;
      return edited(edited(files, before + "\",\"size\":" + std::to_string(old_size),
                           after + "\",\"size\":" + std::to_string(new_size)),
                    "\x01never", "");
    }
  }
  return files;
}

// I3: every digest and every size is verified before anything is committed.
TEST_F(ImportTest, RefusesBlobsThatAreNotWhatTheirDigestSays) {
  auto files = mkimage::oci_layout({image_of(small_tree(), "a:1")}, Compression::gzip);
  auto store = open_store();
  for (const auto& [name, content] : files) {
    if (!name.starts_with("blobs/")) continue;
    for (int damage = 0; damage < 3; ++damage) {
      auto broken = files;
      std::string& bytes = broken[name];
      if (damage == 0) bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
      if (damage == 1) bytes += " ";
      if (damage == 2) bytes.pop_back();
      auto result = import_files(*store, broken);
      EXPECT_TRUE(result.has_error()) << name << " " << damage;
      EXPECT_TRUE(store->list()->empty());
      EXPECT_EQ(entries_in(in_store("layers")), 0u);
    }
    auto missing = files;
    missing.erase(name);
    EXPECT_TRUE(import_files(*store, missing).has_error()) << name;
  }
  expect_nothing_left_over();
}

// I3: a layer with the right blob digest but another diff id than the config says, and the other way round.
TEST_F(ImportTest, RefusesALayerWhoseContentTheConfigDoesNotName) {
  auto image = image_of(small_tree(), "a:1");
  auto files = mkimage::oci_layout({image}, Compression::gzip);
  auto store = open_store();
  auto other = edited(files, mkimage::digest(image.layers[0]), "sha256:" + std::string(64, '7'));
  auto result = import_files(*store, other);
  ASSERT_TRUE(result.has_error());
  EXPECT_NE(result.error().message.find("has other content"), std::string::npos) << result.error().message;
}

// I3: documents that can be read in two ways, unknown kinds, indexes in indexes (CVE-2021-41190).
TEST_F(ImportTest, RefusesAmbiguousDocuments) {
  auto files = mkimage::oci_layout({image_of(small_tree(), "a:1")}, Compression::gzip);
  auto store = open_store();
  struct Edit {
    std::string from, to, why;
  };
  const Edit edits[] = {
      {"\"layers\":[{", "\"manifests\":[],\"layers\":[{", "has manifests as well: ambiguous"},
      {"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\"",
       "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"config\"",
       "its descriptor says"},
      {"\"layers\":[{", "\"layers\":[],\"layers\":[{", "is there twice"},
      {"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\"",
       "{\"schemaVersion\":1,\"config\"", "schema version"},
      {"\"architecture\":\"" + machine_architecture() + "\",\"os\":\"linux\",\"config\"",
       "\"architecture\":\"" + machine_architecture() + "\",\"os\":\"windows\",\"config\"", "not for linux"},
      {"\"layers\":[{", "\"layers\":[{\"urls\":[\"http://example.com/\"],", "foreign layer"},
      {"\"diff_ids\":[", "\"diff_ids\":[\"sha256:" + std::string(64, '1') + "\",", "its config names 2"},
  };
  for (const auto& [from, to, why] : edits) {
    auto result = import_files(*store, edited(files, from, to));
    ASSERT_TRUE(result.has_error()) << to;
    EXPECT_NE(result.error().message.find(why), std::string::npos) << why << ": " << result.error().message;
  }
  ASSERT_TRUE(import_files(*store, files).has_value());
  auto nested = mkimage::oci_layout({image_of(small_tree(), "a:1")}, Compression::gzip, true);
  std::string inner = nested["index.json"];
  std::string wrapped =
      "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"digest\":\"" +
      digest_of(inner) + "\",\"size\":" + std::to_string(inner.size()) + "}]}";
  nested["blobs/sha256/" + digest_of(inner).substr(7)] = inner;
  nested["index.json"] = wrapped;
  auto deep = import_files(*store, nested, "deep:1");
  ASSERT_TRUE(deep.has_error());
  EXPECT_NE(deep.error().message.find("inside an image index"), std::string::npos) << deep.error().message;
}

// I3: an index that names itself never loops: its digest cannot contain itself, and depth ends it anyway.
TEST_F(ImportTest, RefusesArchivesWithAMemberTwice) {
  auto files = mkimage::oci_layout({image_of(small_tree(), "a:1")}, Compression::gzip);
  std::vector<Entry> entries;
  for (const auto& [name, content] : files) entries.push_back({.path = name, .content = content});
  entries.push_back({.path = "./index.json", .content = files["index.json"]});
  auto store = open_store();
  EXPECT_TRUE(import_bytes(*store, mkimage::tar(entries)).has_error());
}

TEST_F(ImportTest, SaysWhatIsWrongWithThingsThatAreNoImages) {
  auto store = open_store();
  EXPECT_TRUE(await(store->import(temporary_.path("missing"), "")).has_error());
  EXPECT_TRUE(await(store->import("/dev/null", "")).has_error());
  for (const std::string& bytes :
       {std::string{}, std::string{"text"}, std::string(100'000, '\0'), std::string(5000, 'x'),
        mkimage::tar({{.path = "file", .content = "x"}}), mkimage::tar({{.path = "manifest.json", .content = "[]"}}),
        mkimage::tar({{.path = "manifest.json", .content = "[{\"Config\":\"../x\"}]"}})}) {
    auto result = import_bytes(*store, bytes);
    ASSERT_TRUE(result.has_error()) << bytes.substr(0, 20);
    EXPECT_EQ(result.error().message.find(temporary_.path("archive") + ": "), 0u) << result.error().message;
  }
  expect_nothing_left_over();
}

// I2: decompression bombs end at the cap, in fixed memory and with nothing left behind.
TEST_F(ImportTest, StopsDecompressionBombs) {
  StoreOptions options;
  options.caps = {.layer_bytes_max = 1 << 20, .layer_entries_max = 1000};
  auto store = open_store(options);
  for (auto how : {Compression::gzip, Compression::zstd}) {
    auto bomb = image_of({{.path = "zeros", .content = std::string(48 << 20, '\0')}}, "bomb:1");
    auto result = import_files(*store, mkimage::oci_layout({bomb}, how));
    ASSERT_TRUE(result.has_error());
    EXPECT_NE(result.error().message.find("more than 1048576 bytes"), std::string::npos) << result.error().message;
  }
  std::vector<Entry> many;
  for (int i = 0; i < 1001; ++i) many.push_back({.path = std::to_string(i)});
  EXPECT_TRUE(import_files(*store, mkimage::oci_layout({image_of(many, "many:1")}, Compression::gzip)).has_error());
  // Zeros after the end of the tar are drained for the digest, and counted.
  auto tail = image_of(small_tree(), "tail:1");
  tail.layers[0] += std::string(64 << 20, '\0');
  EXPECT_TRUE(import_files(*store, mkimage::oci_layout({tail}, Compression::zstd)).has_error());
  EXPECT_EQ(entries_in(in_store("layers")), 0u);
  expect_nothing_left_over();
}

// I2: documents too large or too deep to be read into memory.
TEST_F(ImportTest, RefusesGiantAndDeepDocuments) {
  auto store = open_store();
  auto files = mkimage::oci_layout({image_of(small_tree(), "a:1")}, Compression::none);
  auto giant = files;
  giant["index.json"] = "{\"x\":\"" + std::string(5 << 20, 'x') + "\"}";
  EXPECT_TRUE(import_files(*store, giant).has_error());
  giant["index.json"] = std::string(100'000, '[');
  EXPECT_TRUE(import_files(*store, giant).has_error());
}

TEST_F(ImportTest, VerifiesEveryFileAndRepairsDamageByImportingAgain) {
  auto store = open_store();
  auto files = mkimage::oci_layout({image_of(small_tree(), "a:1")}, Compression::gzip);
  ASSERT_TRUE(import_files(*store, files).has_value());
  auto image = **store->find("a:1");
  auto lines = await(store->verify());
  ASSERT_TRUE(lines.has_value());
  EXPECT_EQ(*lines, std::vector<std::string>{"ok docker.io/library/a:1 (1 layers, 4 files)"});
  write_text(image.layers[0] + "/etc/motd", "");
  lines = await(store->verify());
  ASSERT_EQ(lines->size(), 1u);
  EXPECT_TRUE(lines->at(0).ends_with("/etc/motd has 0 bytes instead of 5")) << lines->at(0);
  ASSERT_TRUE(import_files(*store, files).has_value());
  EXPECT_EQ(read_text(image.layers[0] + "/etc/motd"), "hello");
  EXPECT_TRUE(await(store->verify())->at(0).starts_with("ok"));
}

TEST_F(ImportTest, DoesNotListAnImageWhoseFilesAreGoneAndTakesItAgain) {
  auto files = mkimage::oci_layout({image_of(small_tree(), "a:1")}, Compression::gzip);
  for (std::string victim : {"layer", "list", "manifest"}) {
    fs::remove_all(in_store(""));
    auto store = open_store();
    auto image = import_files(*store, files)->at(0);
    std::string layer = fs::path{image.layers[0]}.parent_path();
    if (victim == "layer") fs::remove_all(layer);
    if (victim == "list") write_text(layer + "/files", "");
    if (victim == "manifest") write_text(in_store("blobs/sha256/" + image.digest.substr(7)), "");
    store = open_store();
    EXPECT_TRUE(store->list()->empty()) << victim;
    EXPECT_TRUE(await(store->verify())->at(0).starts_with("damaged")) << victim;
    ASSERT_TRUE(import_files(*store, files).has_value()) << victim;
    EXPECT_EQ(store->list()->size(), 1u) << victim;
    EXPECT_TRUE(await(store->verify())->at(0).starts_with("ok")) << victim;
  }
}

TEST_F(ImportTest, RemovesNamesThenImagesAndCollectsWhatNothingUses) {
  auto store = open_store();
  auto image = image_of(small_tree(), "a:1");
  image.tags = {"a:1", "a:2"};
  ASSERT_TRUE(import_files(*store, mkimage::oci_layout({image}, Compression::gzip)).has_value());
  auto kept = **store->find("a:1");
  ASSERT_TRUE(await(store->remove("a:1")).has_value());
  EXPECT_FALSE(store->find("a:1")->has_value());
  EXPECT_TRUE(store->find("a:2")->has_value());
  ASSERT_TRUE(await(store->collect({})).has_value());
  EXPECT_TRUE(store->find("a:2")->has_value());  // a person imported it
  ASSERT_TRUE(await(store->remove(kept.id)).has_value());
  EXPECT_TRUE(store->list()->empty());
  EXPECT_EQ(await(store->remove("a:2")).error().reason, Reason::not_found);
  ASSERT_TRUE(await(store->collect({"a:2"})).has_value());
  EXPECT_TRUE(fs::exists(kept.layers[0]));  // a stored pod names it
  ASSERT_TRUE(await(store->collect({})).has_value());
  EXPECT_EQ(entries_in(in_store("layers")), 0u);
  EXPECT_EQ(entries_in(in_store("blobs/sha256")), 0u);
  expect_nothing_left_over();
}

TEST_F(ImportTest, SeesWhatAnotherProcessImportedAndWaitsForItsLock) {
  auto mine = open_store(), other = open_store();
  ASSERT_TRUE(
      import_files(*other, mkimage::oci_layout({image_of(small_tree(), "a:1")}, Compression::gzip)).has_value());
  EXPECT_TRUE(mine->find("a:1")->has_value());
  StoreOptions impatient;
  impatient.lock_ms_max = 1;
  auto waiting = open_store(impatient);
  auto lock = env().disk.lock(in_store("lock"));
  ASSERT_TRUE(lock.has_value());
  auto blocked = await(waiting->remove("a:1"));
  ASSERT_TRUE(blocked.has_error());
  EXPECT_EQ(blocked.error().reason, Reason::timeout);
}

TEST_F(ImportTest, RefusesAStoreOfAnUnknownFormat) {
  { auto store = open_store(); }
  write_text(in_store("index.json"), "{\"annotations\":{\"kring.format\":\"2\"},\"manifests\":[]}");
  auto store = await(open(env(), temporary_.path("images"), StoreOptions{}));
  ASSERT_TRUE(store.has_error());
  EXPECT_EQ(store.error().reason, Reason::corrupt);
}

// A disk that ends the process at its nth operation, before or after doing it.
class DyingDisk final : public Disk {
 public:
  DyingDisk(Disk& disk, int left, bool after) : disk_(disk), left_(left), after_(after) {}
  Task<Result<std::unique_ptr<File>>> open(std::string path, OpenMode mode) override {
    die(false);
    auto out = co_await disk_.open(std::move(path), mode);
    die(true);
    co_return out;
  }
  Task<Result<Mapping>> map(std::string path) override { co_return co_await disk_.map(std::move(path)); }
  Task<Result<void>> rename(std::string from, std::string to) override {
    die(false);
    auto out = co_await disk_.rename(std::move(from), std::move(to));
    die(true);
    co_return out;
  }
  Task<Result<void>> remove(std::string path) override {
    die(false);
    auto out = co_await disk_.remove(std::move(path));
    die(true);
    co_return out;
  }
  Task<Result<void>> make_directory(std::string path) override {
    die(false);
    auto out = co_await disk_.make_directory(std::move(path));
    die(true);
    co_return out;
  }
  Task<Result<void>> sync_directory(std::string path) override {
    die(false);
    auto out = co_await disk_.sync_directory(std::move(path));
    die(true);
    co_return out;
  }
  Task<Result<std::vector<std::string>>> list(std::string path) override {
    co_return co_await disk_.list(std::move(path));
  }
  Result<std::shared_ptr<void>> lock(std::string path) override { return disk_.lock(std::move(path)); }

 private:
  void die(bool after) {
    if (after == after_ && left_-- == 0) ::_exit(99);
  }
  Disk& disk_;
  int left_;
  bool after_;
};

// Runs the work of one test in a process of its own, with a world of its own; its exit code.
int in_another_process(const std::function<int(Env&, Disk&)>& work, int left, bool after) {
  pid_t child = ::fork();
  if (child == 0) {
    LinuxEnvOptions options;
    options.log_level = LogLevel::error;
    auto world = LinuxEnv::make(options);
    if (world.has_error()) ::_exit(98);
    Env& real = (*world)->env();
    DyingDisk disk{real.disk, left, after};
    Env env{real.loop, real.clock, real.random, disk, real.log};
    ::_exit(work(env, disk));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 97;
}

template <class T>
Task<Result<void>> succeed(Task<Result<T>> task) {
  auto result = co_await std::move(task);
  if (result.has_error()) co_return std::move(result).error();
  co_return Result<void>{};
}

Task<Result<void>> open_and_import(Env& env, std::string directory, std::string archive) {
  KRING_CO_TRY(auto store, co_await open(env, std::move(directory), StoreOptions{}));
  co_return co_await succeed(store->import(std::move(archive), ""));
}

Task<Result<void>> open_and_collect(Env& env, std::string directory) {
  KRING_CO_TRY(auto store, co_await open(env, std::move(directory), StoreOptions{}));
  KRING_CO_TRY_VOID(co_await store->remove("a:1"));
  co_return co_await store->collect({});
}

// I5: killed at every operation of an import, the image is whole or not listed, and the next import works.
TEST_F(ImportTest, LeavesTheImageWholeOrUnlistedWhenKilledAtAnyStep) {
  auto image = image_of(small_tree(), "a:1");
  image.layers.push_back(mkimage::tar({{.path = "second", .content = "2"}}));
  write_text(temporary_.path("archive"), mkimage::archive(mkimage::oci_layout({image}, Compression::gzip)));
  bool finished[2] = {};
  size_t unlisted = 0, listed = 0;
  for (bool after : {false, true}) {
    for (int step = 0; !finished[after]; ++step) {
      ASSERT_LT(step, 100);
      fs::remove_all(in_store(""));
      int code = in_another_process(
          [&](Env& env, Disk&) {
            return run_to_end(env, "import",
                              open_and_import(env, temporary_.path("images"), temporary_.path("archive")))
                           .has_error()
                       ? 1
                       : 0;
          },
          step, after);
      ASSERT_TRUE(code == 99 || code == 0) << code;
      finished[after] = code == 0;
      auto store = open_store();
      ASSERT_NE(store, nullptr);
      auto found = store->find("a:1");
      ASSERT_TRUE(found.has_value());
      (found->has_value() ? listed : unlisted) += 1;
      if (found->has_value()) EXPECT_TRUE(await(store->verify())->at(0).starts_with("ok")) << "step " << step;
      expect_nothing_left_over();
      ASSERT_TRUE(await(store->import(temporary_.path("archive"), "")).has_value()) << "step " << step;
      EXPECT_TRUE(await(store->verify())->at(0).starts_with("ok"));
      ASSERT_TRUE(await(store->collect({})).has_value());
      EXPECT_EQ(entries_in(in_store("layers")), 2u);
      EXPECT_EQ(entries_in(in_store("blobs/sha256")), 2u);
    }
  }
  EXPECT_GT(unlisted, 10u);
  EXPECT_GT(listed, 1u);
}

// I5: the same while removing and collecting: never an image that is listed and damaged.
TEST_F(ImportTest, NeverListsADamagedImageWhenKilledWhileCollecting) {
  auto files =
      mkimage::oci_layout({image_of(small_tree(), "a:1"), image_of(small_tree("b"), "b:1")}, Compression::gzip);
  bool finished = false;
  for (int step = 0; !finished; ++step) {
    ASSERT_LT(step, 100);
    fs::remove_all(in_store(""));
    {
      auto store = open_store();
      ASSERT_TRUE(import_files(*store, files).has_value());
    }
    int code = in_another_process(
        [&](Env& env, Disk&) {
          return run_to_end(env, "collect", open_and_collect(env, temporary_.path("images"))).has_error() ? 1 : 0;
        },
        step, true);
    finished = code == 0;
    ASSERT_TRUE(code == 99 || code == 0) << code;
    auto store = open_store();
    auto lines = await(store->verify());
    ASSERT_TRUE(lines.has_value());
    for (const auto& line : *lines) EXPECT_TRUE(line.starts_with("ok")) << "step " << step << ": " << line;
    EXPECT_TRUE(store->find("b:1")->has_value());
  }
}

}  // namespace
}  // namespace kring::images
