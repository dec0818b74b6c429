// A forward pass as a list of dispatches, and where barriers must stand between them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <vector>

#include "metal/kernel_table.h"

namespace MTL {
class Buffer;
}

namespace gptoss::metal {

// A part of a buffer, in bytes.
struct Slice {
  MTL::Buffer* buffer = nullptr;
  uint64_t offset = 0;
  uint64_t length = 0;
};

constexpr int kNoLayer = -1;

struct Step {
  Kernel kernel;
  uint32_t count;  // of info(kernel).groups
  alignas(8) std::array<std::byte, kMaxArgsBytes> args;
  std::array<Slice, kMaxParameters> buffers;  // in the order of info(kernel).parameters
  int layer;                                  // whose KV pages a page table among them names
};

class Plan {
 public:
  template <class Args>
  void add(Kernel kernel, const Args& args, uint32_t count, std::initializer_list<Slice> buffers,
           int layer = kNoLayer) {
    static_assert(sizeof(Args) <= kMaxArgsBytes);
    add(kernel, &args, sizeof(Args), count, buffers.begin(), buffers.size(), layer);
  }
  void add(Kernel kernel, const void* args, size_t args_bytes, uint32_t count, const Slice* buffers,
           size_t buffer_count, int layer);

  const std::vector<Step>& steps() const { return steps_; }

 private:
  std::vector<Step> steps_;
};

// The ranges that dispatches since the last barrier read and write. Dispatches of one concurrent
// encoder may run in any order and together, so one that conflicts with an earlier one (either
// writes what the other touches) needs a barrier before it. Placed as late as possible, the
// barriers are as few as the order of the steps allows.
class Hazards {
 public:
  bool conflicts(const Step& step) const;
  void add(const Step& step);
  void clear();  // after a barrier, or in a new encoder behind a fence

 private:
  struct Range {
    const void* object;  // a buffer; null for the KV pages of layer `begin`
    uint64_t begin;
    uint64_t end;
  };
  template <class Visit>
  static void visit(const Step& step, Visit visit);
  static bool overlaps(const std::vector<Range>& ranges, const Range& range);

  std::vector<Range> read_;
  std::vector<Range> written_;
};

// Seconds that a step takes at most on the slowest Mac with Metal 3, an M1 (2.6 TFLOP/s, 68 GB/s):
// estimated with an eighth of its arithmetic and a quarter of its bandwidth.
double most_seconds(const Step& step);

// Where the command buffer that begins with step `first` ends: before most_seconds() of its steps
// exceed half a second, far from the second or more after which macOS kills it. The very first one
// is short, so that the GPU works while the rest is encoded.
size_t command_buffer_end(const std::vector<Step>& steps, size_t first);

// A dispatch over `rows` rows that alone would take too long is issued in parts: this many rows
// each, a multiple of `tile`.
int rows_per_part(const Step& whole, int rows, int tile);

}  // namespace gptoss::metal
