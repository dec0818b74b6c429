// Keys and values of one sequence. Both kinds of layer are made of blocks of kBlock positions:
// a window layer has a ring of them, a full layer grows by pages of kPageBlocks blocks, so memory
// follows the tokens in use.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "cpu/kernels.h"
#include "model/config.h"

namespace gptoss::cpu {

constexpr int kPageBlocks = 4;  // a page is 256 positions

class KvCache {
 public:
  // `exact` stores float32, otherwise float16. A ring holds the window (or the whole context, if
  // that is shorter) and one chunk more, so that the window before a chunk survives the writing of
  // that chunk.
  KvCache(const Config& config, bool exact, int context, int chunk);

  // Makes room for positions [begin, end) and notes that they are written: what falls out of the
  // rings is gone. At most one chunk at a time.
  void extend(int begin, int end);
  // Forgets everything from `length` on and frees the pages behind it.
  void truncate(int length);
  // Whether a sequence can go on at `position`: all windows before it are still in the rings.
  bool holds_window(int position) const;

  // key and value of one head at one position, float32 [64] each, into extended room.
  void write(const Kernels& kernels, int layer, int position, int head, const float* key,
             const float* value);

  // Block `index` (positions index * kBlock ...) of one head as float32 [64, 64] keys (transposed)
  // and values; `scratch` (2 * 4096 floats) is used where the cache is float16.
  struct View {
    const float* keys;
    const float* values;
  };
  View block(const Kernels& kernels, int layer, int index, int head, float* scratch) const;

  uint64_t bytes() const;

 private:
  static constexpr int64_t kBlockValues = int64_t{kBlock} * kHeadDim;  // of keys, and of values

  uint8_t* block_data(int layer, int index, int head) const;
  struct Layer {
    bool windowed;
    std::vector<std::unique_ptr<uint8_t[]>> pages;  // a ring has exactly one
  };

  int64_t item_;  // bytes per value: 2 or 4
  int kv_heads_;
  int window_;
  int ring_blocks_;
  int high_ = 0;  // end of the highest position written since the rings were empty
  std::vector<Layer> layers_;
};

}  // namespace gptoss::cpu
