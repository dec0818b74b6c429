// Sums line counts over all modules.
#include "softmetal/compiler/coverage.h"

#include <cstdlib>
#include <mutex>
#include <set>

namespace softmetal {
namespace {

struct Counts {
  std::mutex mutex;
  std::map<std::string, std::map<int, uint64_t>> lines;
};
Counts& counts() {
  static Counts state;
  return state;
}

}  // namespace

bool coverage_wanted() {
  const char* value = std::getenv("SOFTMETAL_COVERAGE");
  return value && std::string(value) == "1";
}

std::map<std::string, std::map<int, uint64_t>> line_counts() {
  std::lock_guard lock(counts().mutex);
  return counts().lines;
}

void add_line_counts(const std::vector<std::vector<SourceLine>>& block_lines, const bool* flags) {
  std::set<std::pair<std::string, int>> ran;
  std::lock_guard lock(counts().mutex);
  for (size_t i = 0; i < block_lines.size(); ++i) {
    for (const SourceLine& place : block_lines[i]) {
      uint64_t& count = counts().lines[place.file][place.line];
      if (flags[i] && ran.insert({place.file, place.line}).second) ++count;
    }
  }
}

}  // namespace softmetal
