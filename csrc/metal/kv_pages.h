// Keys and values of GPTOSS_PAGE_POSITIONS positions of some layers: one MTLBuffer, a page of the
// full layers or a part of the window layers' rings. Shared with the CPU, which copies parts of it
// between passes; on Apple silicon both have the same memory.
#pragma once

#include "backend/shared_pages.h"
#include "metal/memory.h"

namespace gptoss::metal {

// Bytes of one layer in one page.
uint64_t layer_page_bytes(const KvShape& kv);

class KvPages : public Published {
 public:
  // `alive` counts the bytes; it and `memory` must outlive this. Throws Error.
  KvPages(const KvShape& kv, int layers, Memory& memory, std::atomic<uint64_t>& alive);

  // Slots first .. first + count - 1 of all heads, to or from their serialised form
  // (backend/backend.h), in which each head has `total` positions. No other bytes of the page are
  // touched: the GPU may write behind them meanwhile.
  void read(int count, std::byte* out) const { read(0, count, out, count); }
  void read(int first, int count, std::byte* out, int total) const;
  void write(int first, int count, const std::byte* in, int total);
  void write(int first, int count, const std::byte* in) { write(first, count, in, count); }
  // Takes over the first `count` positions of another page of the same size.
  void copy(const KvPages& other, int count);

  const Buffer& buffer() const { return buffer_; }
  uint64_t bytes() const { return counted_.bytes(); }
  // Where a layer's part begins, for kernels.
  uint64_t address(int layer) const;

 private:
  template <class Visit>
  void visit(int first, Visit visit) const;

  const KvShape& kv_;
  int layers_;
  Buffer buffer_;
  Counted counted_;
};

using KvSnapshot = PagedSnapshot<KvPages>;

}  // namespace gptoss::metal
