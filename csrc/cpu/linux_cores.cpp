#include "cpu/linux_cores.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>
#include <string_view>
#include <vector>

namespace gptoss::cpu {

namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

// Where a hierarchy of control groups can be read.
struct Mount {
  std::string group;   // the group that is seen at `folder`: "/" unless in a container
  std::string folder;  // below the root
  bool version2;
};

std::vector<std::string> fields(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> result;
  for (std::string field; stream >> field;) result.push_back(field);
  return result;
}

bool has_option(std::string_view options, std::string_view wanted) {
  while (true) {
    const size_t comma = options.find(',');
    if (options.substr(0, comma) == wanted) return true;
    if (comma == options.npos) return false;
    options.remove_prefix(comma + 1);
  }
}

// A line of /proc/self/mountinfo is "id parent device group folder options... - type source
// options" (proc_pid_mountinfo(5)).
std::vector<Mount> cpu_mounts(const std::string& root) {
  std::ifstream file(root + "/proc/self/mountinfo");
  std::vector<Mount> result;
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> words = fields(line);
    const auto dash = std::ranges::find(words, "-");
    if (words.size() < 5 || words.end() - dash < 4) continue;
    const bool version2 = dash[1] == "cgroup2";
    if (version2 || (dash[1] == "cgroup" && has_option(dash[3], "cpu"))) {
      result.push_back({words[3], words[4], version2});
    }
  }
  return result;
}

// This process's group in the mounted hierarchy, from /proc/self/cgroup's lines "id:controllers:
// group"; version 2's has no controllers (cgroups(7)).
std::string own_group(const std::string& root, const Mount& mount) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = first == line.npos ? first : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (mount.version2 ? controllers.empty() : has_option(controllers, "cpu")) {
      return line.substr(second + 1);
    }
  }
  return "/";
}

double limit_of(double quota, double period) {
  return quota > 0 && period > 0 ? quota / period : kNoLimit;
}

// The limit that one group's folder sets.
double group_limit(const std::string& folder, bool version2) {
  double quota = 0, period = 0;
  if (version2) {
    std::ifstream(folder + "/cpu.max") >> quota >> period;  // "max 100000" fails to read: no limit
  } else {
    std::ifstream(folder + "/cpu.cfs_quota_us") >> quota;  // -1: no limit
    std::ifstream(folder + "/cpu.cfs_period_us") >> period;
  }
  return limit_of(quota, period);
}

// The path of `group` below the mount's folder; empty where the group lies outside of what the
// mount shows, as it does in some containers, whose own group is then the mount's folder.
std::string below(const Mount& mount, const std::string& group) {
  if (group.find("/..") != group.npos) return "";
  if (mount.group == "/") return group == "/" ? "" : group;
  if (!group.starts_with(mount.group)) return "";
  const std::string rest = group.substr(mount.group.size());
  return rest.starts_with('/') ? rest : "";
}

}  // namespace

double cpu_time_limit(const std::string& root) {
  double limit = kNoLimit;
  for (const Mount& mount : cpu_mounts(root)) {
    std::string path = below(mount, own_group(root, mount));
    while (true) {
      limit = std::min(limit, group_limit(root + mount.folder + path, mount.version2));
      if (path.empty()) break;
      path.resize(path.rfind('/'));
    }
  }
  return limit;
}

int physical_cores(std::span<const int> processors, const std::string& root) {
  std::set<std::string> cores;
  for (const int processor : processors) {
    const std::string name = "cpu" + std::to_string(processor);
    std::ifstream file(root + "/sys/devices/system/cpu/" + name + "/topology/thread_siblings_list");
    std::string siblings;
    cores.insert(std::getline(file, siblings) ? siblings : name);
  }
  return static_cast<int>(cores.size());
}

}  // namespace gptoss::cpu
