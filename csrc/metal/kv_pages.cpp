#include "metal/kv_pages.h"

#include <cstring>

#include "metal/args.h"

namespace gptoss::metal {

static_assert(kPagePositions == GPTOSS_PAGE_POSITIONS);

uint64_t layer_page_bytes(const KvShape& kv) {
  return static_cast<uint64_t>(kv.row_bytes() * kv.kv_heads * kPagePositions);
}

KvPages::KvPages(const KvShape& kv, int layers, Memory& memory, std::atomic<uint64_t>& alive)
    : kv_(kv),
      layers_(layers),
      buffer_(memory.allocate(static_cast<uint64_t>(layers) * layer_page_bytes(kv),
                              Memory::Storage::shared, "a page of the KV cache")),
      counted_(alive, buffer_.bytes()) {}

uint64_t KvPages::address(int layer) const {
  return buffer_.get()->gpuAddress() + static_cast<uint64_t>(layer) * layer_page_bytes(kv_);
}

// Calls visit(keys, values, number) for each head of each layer: where slot `first` of its keys and
// of its values lies.
template <class Visit>
void KvPages::visit(int first, Visit visit) const {
  const int64_t half = kv_.row_bytes() / 2;  // one position's key, or value
  std::byte* data = buffer_.contents<std::byte>() + first * half;
  for (int64_t number = 0; number < int64_t{layers_} * kv_.kv_heads; ++number) {
    std::byte* keys = data + number * 2 * kPagePositions * half;
    visit(keys, keys + kPagePositions * half, number);
  }
}

void KvPages::read(int first, int count, std::byte* out, int total) const {
  const int64_t half = kv_.row_bytes() / 2;
  visit(first, [&](const std::byte* keys, const std::byte* values, int64_t number) {
    std::byte* to = out + number * total * 2 * half;
    for (int64_t p = 0; p < count; ++p) {
      std::memcpy(to + 2 * p * half, keys + p * half, static_cast<size_t>(half));
      std::memcpy(to + (2 * p + 1) * half, values + p * half, static_cast<size_t>(half));
    }
  });
}

void KvPages::write(int first, int count, const std::byte* in, int total) {
  const int64_t half = kv_.row_bytes() / 2;
  visit(first, [&](std::byte* keys, std::byte* values, int64_t number) {
    const std::byte* from = in + number * total * 2 * half;
    for (int64_t p = 0; p < count; ++p) {
      std::memcpy(keys + p * half, from + 2 * p * half, static_cast<size_t>(half));
      std::memcpy(values + p * half, from + (2 * p + 1) * half, static_cast<size_t>(half));
    }
  });
}

void KvPages::copy(const KvPages& other, int count) {
  const std::byte* from = other.buffer_.contents<std::byte>();
  std::byte* data = buffer_.contents<std::byte>();
  const size_t length = static_cast<size_t>(kv_.row_bytes() / 2 * count);
  visit(0, [&](std::byte* keys, std::byte* values, int64_t) {
    std::memcpy(keys, from + (keys - data), length);
    std::memcpy(values, from + (values - data), length);
  });
}

}  // namespace gptoss::metal
