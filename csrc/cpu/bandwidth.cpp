#include "cpu/bandwidth.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

#include "cpu/buffer.h"
#include "cpu/thread_pool.h"

namespace gptoss::cpu {

namespace {

constexpr int kStreams = 8;  // memory controllers answer several streams faster than one
constexpr int kPasses = 5;
constexpr uint64_t kSlice = 4 << 20;  // bytes per item

// A sum over all words, in kStreams independent streams.
uint64_t read_all(const uint64_t* words, uint64_t count) {
  const uint64_t length = count / kStreams;
  uint64_t sum[kStreams] = {};
  for (uint64_t i = 0; i < length; i += 8) {
    for (uint64_t s = 0; s < kStreams; ++s) {
      const uint64_t* line = words + s * length + i;
      uint64_t x = 0;
      for (int w = 0; w < 8; ++w) x += line[w];
      sum[s] += x;
    }
  }
  uint64_t total = 0;
  for (const uint64_t s : sum) total += s;
  return total;
}

}  // namespace

double read_bandwidth(int threads, uint64_t bytes) {
  ThreadPool pool(threads);
  const uint64_t slices = std::max<uint64_t>(bytes / kSlice, static_cast<uint64_t>(pool.threads()));
  Buffer<uint64_t> memory(slices * kSlice / sizeof(uint64_t));
  std::memset(memory.get(), 1, slices * kSlice);
  std::atomic<uint64_t> check{0};  // keeps the reads from being optimised away
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    pool.run(static_cast<int64_t>(slices), [&](int64_t slice, int) {
      check += read_all(memory.get() + static_cast<uint64_t>(slice) * kSlice / sizeof(uint64_t),
                        kSlice / sizeof(uint64_t));
    });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    best = std::max(best, static_cast<double>(slices * kSlice) / took.count());
  }
  return check.load() == 0 ? 0 : best;
}

}  // namespace gptoss::cpu
