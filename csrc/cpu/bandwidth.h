// How fast this machine reads memory: the limit that decoding is measured against.
#pragma once

#include <cstdint>

namespace gptoss::cpu {

// Reads `bytes` of fresh memory with `threads` threads (0 = all), one stream each, and returns
// the best of a few passes in bytes per second.
double read_bandwidth(int threads, uint64_t bytes);

}  // namespace gptoss::cpu
