// The items of a job that one thread is to do next: it takes them from the front, while threads
// that have run out take from the back.
#pragma once

#include <atomic>
#include <cstdint>

namespace gptoss::cpu {

// On a cache line of its own: the owner's steps disturb nobody else's.
class alignas(128) ItemRange {
 public:
  struct Items {
    uint32_t first, last;  // first .. last - 1
    bool empty() const { return first >= last; }
  };

  void set(Items items) { packed_.store(pack(items)); }

  // The owner's next item, alone, or none.
  Items take_first() {
    return take([](Items has) { return Items{has.first, has.first + 1}; });
  }

  // The back half, rounded up, or none: what another thread takes over.
  Items take_half() {
    return take([](Items has) { return Items{has.first + (has.last - has.first) / 2, has.last}; });
  }

 private:
  // A range that comes back after others had it is the same range again, so comparing its value
  // is enough. `part` is a part of the items at one of the ends.
  template <class Part>
  Items take(const Part& part) {
    uint64_t packed = packed_.load();
    while (true) {
      const Items has = unpack(packed);
      if (has.empty()) return {0, 0};
      const Items taken = part(has);
      const Items left =
          taken.first == has.first ? Items{taken.last, has.last} : Items{has.first, taken.first};
      if (packed_.compare_exchange_weak(packed, pack(left))) return taken;
    }
  }

  static uint64_t pack(Items items) { return uint64_t{items.first} << 32 | items.last; }
  static Items unpack(uint64_t packed) {
    return {static_cast<uint32_t>(packed >> 32), static_cast<uint32_t>(packed)};
  }

  std::atomic<uint64_t> packed_{0};
};

}  // namespace gptoss::cpu
