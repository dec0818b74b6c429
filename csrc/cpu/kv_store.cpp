#include "cpu/kv_store.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace gptoss::cpu {

static_assert(kHeadDimension == kHeadDim);  // kernels.h stands apart from the model's headers

namespace {

// `count` positions of one head's block from `slot` on, to or from [position, key | value].
template <class T>
void read_slots(const uint8_t* block, int slot, int count, std::byte* out) {
  const T* keys = reinterpret_cast<const T*>(block);
  const T* values = keys + kBlockValues + int64_t{slot} * kHeadDim;
  T* to = reinterpret_cast<T*>(out);
  for (int64_t p = 0; p < count; ++p) {
    for (int64_t d = 0; d < kHeadDim; ++d) to[2 * p * kHeadDim + d] = keys[d * kBlock + slot + p];
    std::copy_n(values + p * kHeadDim, kHeadDim, to + (2 * p + 1) * kHeadDim);
  }
}

template <class T>
void write_slots(uint8_t* block, int slot, int count, const std::byte* in) {
  T* keys = reinterpret_cast<T*>(block);
  T* values = keys + kBlockValues + int64_t{slot} * kHeadDim;
  const T* from = reinterpret_cast<const T*>(in);
  for (int64_t p = 0; p < count; ++p) {
    for (int64_t d = 0; d < kHeadDim; ++d) keys[d * kBlock + slot + p] = from[2 * p * kHeadDim + d];
    std::copy_n(from + (2 * p + 1) * kHeadDim, kHeadDim, values + p * kHeadDim);
  }
}

}  // namespace

KvStore::KvStore(const KvShape& shape, int layers, int blocks, std::atomic<uint64_t>& alive)
    : shape_(shape),
      layers_(layers),
      blocks_(blocks),
      counted_(alive, static_cast<uint64_t>(shape.row_bytes() * kBlock * shape.kv_heads * layers *
                                            blocks)),
      data_(static_cast<uint8_t*>(std::calloc(std::max<uint64_t>(counted_.bytes(), 1), 1))) {
  if (!data_) throw std::bad_alloc();
}

// Calls visit(block, slot, positions, offset) for each head's part of each block; `offset` is where
// the part lies in the serialised form.
template <class Visit>
void KvStore::visit(int first, int count, Visit visit) const {
  for (int layer = 0; layer < layers_; ++layer) {
    for (int head = 0; head < shape_.kv_heads; ++head) {
      const int64_t base = (int64_t{layer} * shape_.kv_heads + head) * count;
      for (int done = 0; done < count;) {
        const int position = first + done;
        const int slot = position % kBlock;
        const int part = std::min(kBlock - slot, count - done);
        visit(block(layer, position / kBlock, head), slot, part,
              (base + done) * shape_.row_bytes());
        done += part;
      }
    }
  }
}

void KvStore::read(int first, int count, std::byte* out) const {
  visit(first, count, [&](const uint8_t* block, int slot, int part, int64_t offset) {
    const auto read = shape_.item == 4 ? read_slots<uint32_t> : read_slots<uint16_t>;
    read(block, slot, part, out + offset);
  });
}

void KvStore::write(int first, int count, const std::byte* in) {
  visit(first, count, [&](uint8_t* block, int slot, int part, int64_t offset) {
    const auto write = shape_.item == 4 ? write_slots<uint32_t> : write_slots<uint16_t>;
    write(block, slot, part, in + offset);
  });
}

void KvStore::copy(const KvStore& other, int count) {
  const int64_t item = shape_.item;
  visit(0, count, [&](uint8_t* block, int, int part, int64_t) {
    const uint8_t* from = other.data_.get() + (block - data_.get());
    if (part == kBlock) {
      std::memcpy(block, from, static_cast<size_t>(2 * kBlockValues * item));
      return;
    }
    for (int64_t d = 0; d < kHeadDim; ++d) {
      std::memcpy(block + d * kBlock * item, from + d * kBlock * item,
                  static_cast<size_t>(part * item));
    }
    std::memcpy(block + kBlockValues * item, from + kBlockValues * item,
                static_cast<size_t>(part * kHeadDim * item));
  });
}

}  // namespace gptoss::cpu
