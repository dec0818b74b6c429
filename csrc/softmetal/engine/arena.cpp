// Reserves arenas; the system provides their pages when fibers touch them.
#include "softmetal/engine/arena.h"

#include <sys/mman.h>
#include <unistd.h>

#include <mutex>
#include <new>

namespace softmetal {
namespace {

constexpr size_t kSimdgroupsOffset = 4096;
constexpr size_t kMaxSimdgroups = abi::kMaxThreads / abi::kLanes;
constexpr size_t kFibersOffset = kSimdgroupsOffset + kMaxSimdgroups * sizeof(abi::Simdgroup);
static_assert(sizeof(abi::Group) <= kSimdgroupsOffset, "the group's state fits");
static_assert(kFibersOffset + abi::kMaxThreads * sizeof(abi::Fiber) <= abi::kStacksOffset,
              "the fibers fit");

struct Pool {
  std::mutex mutex;
  std::vector<std::unique_ptr<Arena>> idle;
};
Pool& pool() {
  static Pool state;
  return state;
}

}  // namespace

Arena::Arena() {
  const size_t reserved = 2 * abi::kArenaBytes;
  void* memory = mmap(nullptr, reserved, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  uint8_t* begin = static_cast<uint8_t*>(memory);
  const uintptr_t aligned =
      (reinterpret_cast<uintptr_t>(begin) + abi::kArenaBytes - 1) & ~(abi::kArenaBytes - 1);
  base_ = reinterpret_cast<uint8_t*>(aligned);
  if (base_ > begin) munmap(begin, base_ - begin);
  uint8_t* end = base_ + abi::kArenaBytes;
  if (end < begin + reserved) munmap(end, begin + reserved - end);
  const size_t page = sysconf(_SC_PAGESIZE);
  for (uint32_t i = 0; i < abi::kMaxThreads; ++i)
    mprotect(base_ + abi::kStacksOffset + i * abi::kStackBytes, page, PROT_NONE);
}

Arena::~Arena() { munmap(base_, abi::kArenaBytes); }

abi::Simdgroup& Arena::simdgroup(uint32_t i) {
  return reinterpret_cast<abi::Simdgroup*>(base_ + kSimdgroupsOffset)[i];
}

abi::Fiber& Arena::fiber(uint32_t i) {
  return reinterpret_cast<abi::Fiber*>(base_ + kFibersOffset)[i];
}

void* Arena::stack_top(uint32_t i) const {
  // Stacks at equal offsets would share cache sets: each begins 64 bytes further than the last.
  uint8_t* end = base_ + abi::kStacksOffset + (i + 1) * abi::kStackBytes - (i % 64 + 1) * 64;
#if defined(__x86_64__)
  return end - 8;
#else
  return end;
#endif
}

uint8_t* Arena::threadgroup_memory(size_t bytes) {
  constexpr size_t kAlignment = 128;
  if (threadgroup_memory_.size() < bytes + kAlignment)
    threadgroup_memory_.resize(bytes + kAlignment);
  const uintptr_t address = reinterpret_cast<uintptr_t>(threadgroup_memory_.data());
  return reinterpret_cast<uint8_t*>((address + kAlignment - 1) & ~(kAlignment - 1));
}

ArenaLease::ArenaLease() {
  {
    std::lock_guard lock(pool().mutex);
    if (!pool().idle.empty()) {
      arena_ = std::move(pool().idle.back());
      pool().idle.pop_back();
    }
  }
  if (!arena_) arena_ = std::make_unique<Arena>();
}

ArenaLease::~ArenaLease() {
  std::lock_guard lock(pool().mutex);
  pool().idle.push_back(std::move(arena_));
}

}  // namespace softmetal
