#include "runtime/pods/keeper/user.h"

namespace kring::keeper {

namespace {

constexpr uint64_t id_max = 0x7fffffff;

std::string_view next_line(std::string_view& rest) {
  const size_t end = rest.find('\n');
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

std::string_view next_field(std::string_view& rest, char separator) {
  const size_t end = rest.find(separator);
  const auto field = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return field;
}

struct PasswdEntry {
  std::string_view name, home;
  uint64_t uid = 0, gid = 0;
};

bool parse_passwd(std::string_view line, PasswdEntry& out) {
  out.name = next_field(line, ':');
  next_field(line, ':');
  const auto uid = next_field(line, ':');
  const auto gid = next_field(line, ':');
  next_field(line, ':');
  out.home = next_field(line, ':');
  return parse_number(uid, id_max, out.uid) && parse_number(gid, id_max, out.gid);
}

template <class Match>
bool find_user(std::string_view passwd, Match match, PasswdEntry& out) {
  while (!passwd.empty()) {
    PasswdEntry entry;
    if (!parse_passwd(next_line(passwd), entry) || !match(entry)) continue;
    out = entry;
    return true;
  }
  return false;
}

bool find_group(std::string_view database, std::string_view name, uint64_t& gid) {
  while (!database.empty()) {
    auto line = next_line(database);
    const auto group = next_field(line, ':');
    next_field(line, ':');
    if (group == name && parse_number(next_field(line, ':'), id_max, gid)) return true;
  }
  return false;
}

void add_group(Identity& out, uint32_t gid) {
  for (uint32_t i = 0; i < out.group_count; ++i) {
    if (out.groups[i] == gid) return;
  }
  if (out.group_count < groups_max + 1) out.groups[out.group_count++] = gid;
}

void add_memberships(Identity& out, std::string_view database, std::string_view user) {
  while (!database.empty()) {
    auto line = next_line(database);
    next_field(line, ':');
    next_field(line, ':');
    uint64_t gid = 0;
    if (!parse_number(next_field(line, ':'), id_max, gid)) continue;
    while (!line.empty()) {
      if (next_field(line, ',') != user) continue;
      add_group(out, static_cast<uint32_t>(gid));
      break;
    }
  }
}

}  // namespace

bool resolve_user(const ContainerSpec& spec, std::string_view passwd, std::string_view group, Identity& out,
                  Fault& fault) {
  std::string_view user_text = spec.image_user, group_text;
  if (const size_t colon = user_text.find(':'); colon != std::string_view::npos) {
    group_text = user_text.substr(colon + 1);
    user_text = user_text.substr(0, colon);
    if (group_text.find(':') != std::string_view::npos) return fault.say("invalid USER value ", spec.image_user);
  }
  PasswdEntry entry;
  bool known = false;
  uint64_t uid = 0;
  if ((spec.flags & container_has_user) != 0) {
    uid = spec.user;
    group_text = {};
    known = find_user(passwd, [&](const PasswdEntry& e) { return e.uid == uid; }, entry);
  } else if (user_text.empty() || parse_number(user_text, id_max, uid)) {
    known = find_user(passwd, [&](const PasswdEntry& e) { return e.uid == uid; }, entry);
  } else {
    known = find_user(passwd, [&](const PasswdEntry& e) { return e.name == user_text; }, entry);
    if (!known) return fault.say("unable to find user ", user_text, ": no matching entries in passwd file");
    uid = entry.uid;
  }
  uint64_t gid = known ? entry.gid : 0;
  if ((spec.flags & container_has_group) != 0) {
    gid = spec.group;
  } else if (!group_text.empty() && !parse_number(group_text, id_max, gid) && !find_group(group, group_text, gid)) {
    return fault.say("unable to find group ", group_text, ": no matching entries in group file");
  }
  if (uid > id_max || gid > id_max) return fault.say("uids and gids must be in range 0-2147483647");
  if ((spec.flags & container_run_as_non_root) != 0 && uid == 0) {
    return fault.say("container has runAsNonRoot and image will run as root");
  }
  out.uid = static_cast<uint32_t>(uid);
  out.gid = static_cast<uint32_t>(gid);
  out.group_count = 0;
  add_group(out, out.gid);
  for (const uint32_t extra : spec.groups) add_group(out, extra);
  if (known) add_memberships(out, group, entry.name);
  out.home.clear();
  out.home << (known && !entry.home.empty() ? entry.home : std::string_view{"/"});
  return true;
}

}  // namespace kring::keeper
