#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

#include "examples/mkimage/archive.h"

namespace mkimage {
namespace {

// A ustar header: 512 bytes, numbers as octal text.
struct Header {
  char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6], version[2],
      user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
static_assert(sizeof(Header) == 512);

template <size_t N>
void put_text(char (&field)[N], std::string_view text) {
  std::memcpy(field, text.data(), std::min(N, text.size()));
}
template <size_t N>
void put_octal(char (&field)[N], uint64_t value) {
  for (size_t i = N - 1; i-- > 0; value >>= 3) field[i] = static_cast<char>('0' + (value & 7));
}

void pad(std::string& out) { out.append((512 - out.size() % 512) % 512, '\0'); }

void append_member(std::string& out, const Entry& entry, const std::string& name, const std::string& link) {
  Header header{};
  put_text(header.name, name);
  put_octal(header.mode, entry.mode);
  put_octal(header.uid, entry.uid);
  put_octal(header.gid, entry.gid);
  put_octal(header.size, entry.content.size());
  put_octal(header.mtime, static_cast<uint64_t>(entry.mtime));
  header.type = entry.type;
  put_text(header.link, link);
  put_text(header.magic, std::string_view{"ustar\0", 6});
  put_text(header.version, "00");
  put_octal(header.major, entry.device_major);
  put_octal(header.minor, entry.device_minor);
  std::memset(header.checksum, ' ', sizeof header.checksum);
  uint64_t sum = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(&header);
  for (size_t i = 0; i < sizeof header; ++i) sum += bytes[i];
  std::snprintf(header.checksum, sizeof header.checksum, "%06o", static_cast<unsigned>(sum));
  out.append(reinterpret_cast<const char*>(&header), sizeof header);
  out += entry.content;
  pad(out);
}

// "LENGTH key=value\n", where LENGTH counts itself.
std::string pax_record(const std::string& key, const std::string& value) {
  size_t rest = key.size() + value.size() + 3, length = rest;
  for (size_t before = 0; before != length;) {
    before = length;
    length = rest + std::to_string(length).size();
  }
  return std::to_string(length) + " " + key + "=" + value + "\n";
}

std::string read_file(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void walk(const std::string& directory, const std::string& prefix, std::vector<Entry>& out) {
  DIR* dir = opendir(directory.c_str());
  if (dir == nullptr) return;
  std::set<std::string> names;
  while (dirent* found = readdir(dir)) names.insert(found->d_name);
  closedir(dir);
  for (const auto& name : names) {
    if (name == "." || name == "..") continue;
    std::string path = directory + "/" + name;
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0) continue;
    Entry entry{.path = prefix + name};
    if (S_ISDIR(info.st_mode)) {
      entry.type = '5';
      entry.mode = 0755;
      entry.path += "/";
      out.push_back(entry);
      walk(path, entry.path, out);
    } else if (S_ISLNK(info.st_mode)) {
      char target[4096];
      ssize_t length = readlink(path.c_str(), target, sizeof target);
      entry.type = '2';
      entry.mode = 0777;
      entry.link.assign(target, length > 0 ? static_cast<size_t>(length) : 0);
      out.push_back(entry);
    } else if (S_ISREG(info.st_mode)) {
      entry.mode = (info.st_mode & 0111) != 0 ? 0755 : 0644;
      entry.content = read_file(path);
      out.push_back(entry);
    }
  }
}

}  // namespace

std::string tar(const std::vector<Entry>& entries) {
  std::string out;
  for (const auto& entry : entries) {
    auto pax = entry.pax;
    if (entry.path.size() > 100 && !pax.contains("path")) pax["path"] = entry.path;
    if (entry.link.size() > 100 && !pax.contains("linkpath")) pax["linkpath"] = entry.link;
    if (!pax.empty()) {
      Entry extended{.path = "pax", .type = 'x'};
      for (const auto& [key, value] : pax) extended.content += pax_record(key, value);
      append_member(out, extended, extended.path, "");
    }
    append_member(out, entry, entry.path, entry.link);
  }
  out.append(1024, '\0');
  return out;
}

std::vector<Entry> with_parents(std::vector<Entry> entries) {
  std::set<std::string> seen;
  std::vector<Entry> out;
  for (auto& entry : entries) {
    for (size_t slash = entry.path.find('/'); slash != std::string::npos && slash + 1 < entry.path.size();
         slash = entry.path.find('/', slash + 1)) {
      std::string parent = entry.path.substr(0, slash + 1);
      if (seen.insert(parent).second) out.push_back(Entry{.path = parent, .type = '5', .mode = 0755});
    }
    if (entry.type == '5' && !entry.path.ends_with('/')) entry.path += '/';
    if (entry.type == '5' && !seen.insert(entry.path).second) continue;
    out.push_back(std::move(entry));
  }
  return out;
}

std::vector<Entry> tree(const std::string& directory) {
  std::vector<Entry> out;
  walk(directory, "", out);
  return out;
}

std::string archive(const std::map<std::string, std::string>& files) {
  std::vector<Entry> entries;
  for (const auto& [name, content] : files) entries.push_back(Entry{.path = name, .content = content});
  return tar(entries);
}

}  // namespace mkimage
