// Memory for keys and values of some layers, in blocks of kBlock positions: a page of the full
// layers, or the rings of the window layers. Counted as long as it lives.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "cpu/kernels.h"
#include "model/config.h"

namespace gptoss::cpu {

constexpr int64_t kBlockValues = int64_t{kBlock} * kHeadDim;  // of keys, and of values

// How the values of one model's caches are stored.
struct KvFormat {
  int64_t item;  // bytes per value: 4 (float32) or 2 (float16)
  int kv_heads;

  // Bytes of one layer's block, all heads.
  uint64_t block_bytes() const {
    return static_cast<uint64_t>(2 * kBlockValues * item) * static_cast<uint64_t>(kv_heads);
  }
  // Serialised bytes of `positions` in `layers` layers.
  uint64_t serialised_bytes(int layers, int positions) const {
    return static_cast<uint64_t>(layers) * static_cast<uint64_t>(positions) *
           static_cast<uint64_t>(kv_heads * 2 * kHeadDim * item);
  }
};

// Bytes counted in `alive` as long as this lives.
class Counted {
 public:
  Counted(std::atomic<uint64_t>& alive, uint64_t bytes) : alive_(alive), bytes_(bytes) {
    alive_.fetch_add(bytes_);
  }
  ~Counted() { alive_.fetch_sub(bytes_); }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

  uint64_t bytes() const { return bytes_; }

 private:
  std::atomic<uint64_t>& alive_;
  uint64_t bytes_;
};

class KvStore {
 public:
  // All zero. Throws std::bad_alloc.
  KvStore(const KvFormat& format, int layers, int blocks, std::atomic<uint64_t>& alive);

  // One head's block `index` (positions index * kBlock ...): keys [64 dimensions, 64 positions],
  // then values [64 positions, 64 dimensions]. Indices come round after the last block.
  uint8_t* block(int layer, int index, int head) const {
    const int64_t place = (int64_t{layer} * blocks_ + index % blocks_) * format_.kv_heads + head;
    return data_.get() + place * 2 * kBlockValues * format_.item;
  }

  // Positions first .. first + count - 1, serialised (backend/backend.h). Only their bytes are
  // touched: another thread may write behind them meanwhile.
  void read(int first, int count, std::byte* out) const;
  void write(int first, int count, const std::byte* in);
  // Takes over the first `count` positions of a store of the same size.
  void copy(const KvStore& other, int count);

  uint64_t bytes() const { return counted_.bytes(); }

  // Positions 0 .. count - 1 belong to a snapshot from now on: no sequence may write them again.
  void publish(int count) {
    int before = published_.load();
    while (before < count && !published_.compare_exchange_weak(before, count)) {
    }
  }
  int published() const { return published_.load(); }

 private:
  template <class Visit>
  void visit(int first, int count, Visit visit) const;

  struct Free {
    void operator()(uint8_t* p) const { std::free(p); }
  };
  KvFormat format_;
  int layers_;
  int blocks_;
  Counted counted_;
  std::unique_ptr<uint8_t, Free> data_;
  std::atomic<int> published_{0};
};

}  // namespace gptoss::cpu
