// Settings, findings, faults and the ledger: one object per process, made at first use.
#include "softmetal/state.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <cstdlib>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace softmetal {

namespace {

constexpr int kFaults = static_cast<int>(Fault::ignore_fence_wait) + 1;

struct FaultPoint {
  uint64_t passes = 0;
  bool armed = false;
  uint64_t n = 0;
  int code = 0;
};

struct State {
  std::mutex mutex;
  Settings settings;
  std::vector<Finding> findings;
  std::unordered_map<std::string, std::size_t> finding_index;  // key -> place in findings
  std::array<FaultPoint, kFaults> faults;
  Ledger ledger;
  std::atomic<int> macos{0};
  std::atomic<uint64_t> ids{0};
  Checker checker;
};

// Defaults of the process: SOFTMETAL_MODE=checked, SOFTMETAL_ORDER=reverse or seeded:7,
// SOFTMETAL_THREADS=2, SOFTMETAL_MACOS=14.
Settings from_environment() {
  Settings settings;
  const auto get = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (get("SOFTMETAL_MODE") == "checked") settings.mode = Mode::checked;
  const std::string order = get("SOFTMETAL_ORDER");
  if (order == "reverse") settings.schedule.order = Order::reverse;
  if (order.rfind("seeded", 0) == 0) {
    settings.schedule.order = Order::seeded;
    if (order.size() > 7) {
      settings.schedule.seed = std::strtoull(order.c_str() + 7, nullptr, 10);
    }
  }
  const std::string threads = get("SOFTMETAL_THREADS");
  if (!threads.empty()) settings.schedule.os_threads = std::max(1, std::atoi(threads.c_str()));
  const std::string macos = get("SOFTMETAL_MACOS");
  if (!macos.empty()) settings.macos = std::atoi(macos.c_str());
  return settings;
}

// Never destroyed: queues' threads may outlive main().
State& state() {
  static State& instance = *[] {
    auto* made = new State;
    made->settings = from_environment();
    made->macos = made->settings.macos;
    return made;
  }();
  return instance;
}

// The first "file:line" of a party's description; empty if it has none.
std::string line_of(const std::string& party) {
  const auto digit = [&](std::size_t i) {
    return i < party.size() && std::isdigit(static_cast<unsigned char>(party[i])) != 0;
  };
  for (std::size_t colon = party.find(':'); colon != std::string::npos;
       colon = party.find(':', colon + 1)) {
    if (!digit(colon + 1)) continue;
    const std::size_t space = party.rfind(' ', colon);
    const std::size_t begin = space == std::string::npos ? 0 : space + 1;
    std::size_t end = colon + 1;
    while (digit(end)) ++end;
    return party.substr(begin, end - begin);
  }
  return "";
}

// Equal for two reports of one fault of the code: of the same lines, whichever party found it, or,
// without lines, in the same words.
std::string key_of(const Finding& finding) {
  std::string first = line_of(finding.first), second = line_of(finding.second);
  if (first.empty()) return finding.kind + '\n' + finding.kernel + '\n' + finding.text;
  if (second < first) std::swap(first, second);
  return finding.kind + '\n' + finding.kernel + '\n' + first + '\n' + second;
}

// Such faults last from the n-th pass on; the others hit the n-th alone.
bool lasts(Fault fault) { return fault == Fault::device_lost || fault == Fault::no_device; }

}  // namespace

Settings settings() {
  State& s = state();
  const std::lock_guard<std::mutex> lock(s.mutex);
  return s.settings;
}

void set_settings(const Settings& settings) {
  State& s = state();
  const std::lock_guard<std::mutex> lock(s.mutex);
  s.settings = settings;
  s.macos = settings.macos;
}

int macos_version() { return state().macos; }

void report(Finding finding) {
  State& s = state();
  const std::lock_guard<std::mutex> lock(s.mutex);
  const auto [known, fresh] = s.finding_index.emplace(key_of(finding), s.findings.size());
  if (fresh) {
    s.findings.push_back(std::move(finding));
  } else {
    s.findings[known->second].count += finding.count;
  }
}

std::vector<Finding> take_findings() {
  State& s = state();
  const std::lock_guard<std::mutex> lock(s.mutex);
  s.finding_index.clear();
  return std::exchange(s.findings, {});
}

void set_fault(Fault fault, int n, int code) {
  State& s = state();
  const std::lock_guard<std::mutex> lock(s.mutex);
  s.faults[static_cast<int>(fault)] = {0, true, static_cast<uint64_t>(n), code};
}

void clear_faults() {
  State& s = state();
  const std::lock_guard<std::mutex> lock(s.mutex);
  s.faults.fill({});
}

uint64_t passes(Fault fault) {
  State& s = state();
  const std::lock_guard<std::mutex> lock(s.mutex);
  return s.faults[static_cast<int>(fault)].passes;
}

bool fault_hits(Fault fault, int* code) {
  State& s = state();
  const std::lock_guard<std::mutex> lock(s.mutex);
  FaultPoint& point = s.faults[static_cast<int>(fault)];
  const uint64_t pass = point.passes++;
  if (!point.armed || (lasts(fault) ? pass < point.n : pass != point.n)) return false;
  if (code != nullptr) *code = point.code;
  return true;
}

Ledger ledger() {
  State& s = state();
  const std::lock_guard<std::mutex> lock(s.mutex);
  return s.ledger;
}

void reset_ledger() {
  State& s = state();
  const std::lock_guard<std::mutex> lock(s.mutex);
  s.ledger = {};
}

void add_to_ledger(const std::string& kernel, const LedgerEntry& entry) {
  State& s = state();
  const std::lock_guard<std::mutex> lock(s.mutex);
  LedgerEntry& sum = s.ledger.kernels[kernel];
  sum.dispatches += entry.dispatches;
  sum.threadgroups += entry.threadgroups;
  sum.bytes_read += entry.bytes_read;
  sum.bytes_written += entry.bytes_written;
  sum.unique_read += entry.unique_read;
  sum.unique_written += entry.unique_written;
  sum.threadgroup_barriers += entry.threadgroup_barriers;
}

void count_encoder_barrier() {
  State& s = state();
  const std::lock_guard<std::mutex> lock(s.mutex);
  ++s.ledger.encoder_barriers;
}

void count_command_buffer() {
  State& s = state();
  const std::lock_guard<std::mutex> lock(s.mutex);
  ++s.ledger.command_buffers;
}

void count_library(const std::string& options) {
  State& s = state();
  const std::lock_guard<std::mutex> lock(s.mutex);
  s.ledger.libraries.push_back(options);
}

Checker& checker() { return state().checker; }

uint64_t next_id() { return ++state().ids; }

}  // namespace softmetal
