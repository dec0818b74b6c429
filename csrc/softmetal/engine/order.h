// The order in which things are run: forward, reverse, or shuffled by a seed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "softmetal/engine/dispatch.h"

namespace softmetal {

// The numbers 0 .. count - 1 in order; `salt` makes shuffles of one seed differ.
inline std::vector<uint32_t> ordered(const Schedule& schedule, uint64_t count, uint64_t salt) {
  std::vector<uint32_t> result(count);
  std::iota(result.begin(), result.end(), 0u);
  if (schedule.order == Order::reverse) std::reverse(result.begin(), result.end());
  if (schedule.order != Order::seeded) return result;
  uint64_t state = schedule.seed * 0x9e3779b97f4a7c15u + salt;
  for (uint64_t i = count; i > 1; --i) {
    state += 0x9e3779b97f4a7c15u;  // splitmix64
    uint64_t mixed = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    std::swap(result[i - 1], result[(mixed ^ (mixed >> 31)) % i]);
  }
  return result;
}

}  // namespace softmetal
