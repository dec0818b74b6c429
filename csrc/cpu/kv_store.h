// Memory for keys and values of some layers, in blocks of kBlock positions: a page of the full
// layers, or the rings of the window layers. Counted as long as it lives.
#pragma once

#include <cstdlib>
#include <memory>

#include "backend/shared_pages.h"
#include "cpu/kernels.h"

namespace gptoss::cpu {

constexpr int64_t kBlockValues = int64_t{kBlock} * kHeadDim;  // of keys, and of values

class KvStore : public Published {
 public:
  // All zero. Throws std::bad_alloc.
  KvStore(const KvShape& shape, int layers, int blocks, std::atomic<uint64_t>& alive);

  // One head's block `index` (positions index * kBlock ...): keys [64 dimensions, 64 positions],
  // then values [64 positions, 64 dimensions]. Indices come round after the last block.
  uint8_t* block(int layer, int index, int head) const {
    const int64_t place = (int64_t{layer} * blocks_ + index % blocks_) * shape_.kv_heads + head;
    return data_.get() + place * 2 * kBlockValues * shape_.item;
  }

  // Positions first .. first + count - 1, serialised (backend/backend.h). Only their bytes are
  // touched: another thread may write behind them meanwhile.
  void read(int first, int count, std::byte* out) const;
  void read(int count, std::byte* out) const { read(0, count, out); }
  void write(int first, int count, const std::byte* in);
  // Takes over the first `count` positions of a store of the same size.
  void copy(const KvStore& other, int count);

  uint64_t bytes() const { return counted_.bytes(); }

 private:
  template <class Visit>
  void visit(int first, int count, Visit visit) const;

  struct Free {
    void operator()(uint8_t* p) const { std::free(p); }
  };
  const KvShape& shape_;
  int layers_;
  int blocks_;
  Counted counted_;
  std::unique_ptr<uint8_t, Free> data_;
};

}  // namespace gptoss::cpu
