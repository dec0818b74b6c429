#include "cpu/bandwidth.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

#include "cpu/buffer.h"
#include "cpu/thread_pool.h"

namespace gptoss::cpu {

namespace {

constexpr int kPasses = 12;
constexpr size_t kLine = 64;        // bytes of a cache line, or half of one
constexpr size_t kSlice = 4 << 20;  // bytes per item
// As far behind the reads lines are asked for. Of what was tried, one stream and a page gave the
// most (docs/SPEED.md).
constexpr size_t kAhead = 4096;

// One word of every line: all of the line crosses the bus, and the processor has as many lines
// under way as it can, whatever the width of its registers.
uint64_t touch_all(const uint8_t* slice) {
  uint64_t sum = 0;
  for (size_t i = 0; i < kSlice; i += kLine) {
    __builtin_prefetch(slice + i + kAhead, 0, 2);  // behind the memory's end, too: no harm
    uint64_t word = 0;
    std::memcpy(&word, slice + i, sizeof word);
    sum += word;
  }
  return sum;
}

// Asks for large pages, so that no time goes into translating addresses. Only a wish.
void prefer_huge_pages([[maybe_unused]] uint8_t* memory, [[maybe_unused]] size_t bytes) {
#if defined(MADV_HUGEPAGE)
  constexpr size_t kHugePage = 2 << 20;
  const size_t skipped = kHugePage - reinterpret_cast<uintptr_t>(memory) % kHugePage;
  if (skipped < bytes) madvise(memory + skipped, bytes - skipped, MADV_HUGEPAGE);
#endif
}

}  // namespace

double read_bandwidth(int threads, uint64_t bytes) {
  ThreadPool pool(threads);
  const auto slices =
      std::max(static_cast<size_t>(bytes / kSlice), static_cast<size_t>(pool.threads()));
  Buffer<uint8_t> memory(slices * kSlice);
  prefer_huge_pages(memory.get(), slices * kSlice);
  const auto for_slices = [&](const auto& body) {
    pool.run(static_cast<int64_t>(slices),
             [&](int64_t slice, int) { body(memory.get() + static_cast<size_t>(slice) * kSlice); });
  };
  for_slices([](uint8_t* slice) { std::memset(slice, 1, kSlice); });
  std::atomic<uint64_t> check{0};  // keeps the reads from being optimised away
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    for_slices([&](const uint8_t* slice) { check += touch_all(slice); });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    best = std::max(best, static_cast<double>(slices * kSlice) / took.count());
  }
  return check.load() == 0 ? 0 : best;
}

}  // namespace gptoss::cpu
