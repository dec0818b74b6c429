#include "cpu/cores.h"

#include <algorithm>
#include <cmath>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>

#include "cpu/linux_cores.h"
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace gptoss::cpu {

#if defined(__linux__)

namespace {

// Empty when the system does not say.
std::vector<int> allowed_processors() {
  for (int most = CPU_SETSIZE; most <= 1 << 20; most *= 4) {  // a set too small is refused
    cpu_set_t* set = CPU_ALLOC(static_cast<size_t>(most));
    if (set == nullptr) return {};
    const size_t bytes = CPU_ALLOC_SIZE(static_cast<size_t>(most));
    std::vector<int> result;
    if (sched_getaffinity(0, bytes, set) == 0) {
      for (int i = 0; i < most; ++i) {
        if (CPU_ISSET_S(static_cast<size_t>(i), bytes, set)) result.push_back(i);
      }
    }
    CPU_FREE(set);
    if (!result.empty()) return result;
  }
  return {};
}

}  // namespace

int usable_cores() {
  const std::vector<int> allowed = allowed_processors();
  const int cores = allowed.empty() ? static_cast<int>(std::thread::hardware_concurrency())
                                    : physical_cores(allowed, "");
  // A part of a processor still adds speed: rounded up.
  const double limit = std::min(std::ceil(cpu_time_limit("")), static_cast<double>(cores));
  return std::max(1, static_cast<int>(limit));
}

#else

int usable_cores() {
  int cores = static_cast<int>(std::thread::hardware_concurrency());
#if defined(__APPLE__)
  size_t size = sizeof cores;
  int performance = 0;
  // Unknown to Intel Macs, whose cores are all alike.
  if (sysctlbyname("hw.perflevel0.logicalcpu", &performance, &size, nullptr, 0) == 0) {
    cores = performance;
  }
#endif
  return std::max(1, cores);
}

#endif

}  // namespace gptoss::cpu
