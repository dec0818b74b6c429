#include "cpu/kv_cache.h"

#include <algorithm>

namespace gptoss::cpu {

namespace {

constexpr int kPageBlocks = kPagePositions / kBlock;

}  // namespace

std::shared_ptr<KvStore> new_page(const KvShape& shape, std::atomic<uint64_t>& alive) {
  return std::make_shared<KvStore>(shape, shape.full_layers, kPageBlocks, alive);
}

int ring_blocks(const KvShape& shape, int context, int chunk) {
  return (std::min(shape.window, context) + chunk + kBlock - 1) / kBlock + 1;
}

KvCache::KvCache(const KvShape& shape, int context, int chunk, std::atomic<uint64_t>& alive)
    : shape_(shape), alive_(alive), ring_blocks_(cpu::ring_blocks(shape, context, chunk)) {}

std::unique_ptr<KvStore> KvCache::new_ring() const {
  return std::make_unique<KvStore>(shape_, shape_.window_layers, ring_blocks_, alive_);
}

std::shared_ptr<KvStore> KvCache::copy_of(const KvStore& page, int count) const {
  std::shared_ptr<KvStore> copy = new_page(shape_, alive_);
  copy->copy(page, count);
  return copy;
}

void KvCache::extend(int begin, int end) {
  if (shape_.full_layers > 0) {
    const int kept = begin % kPagePositions;
    if (kept > 0) {
      std::shared_ptr<KvStore>& page = pages_[static_cast<size_t>(begin / kPagePositions)];
      if (page->published() > kept) page = copy_of(*page, kept);
    }
    const size_t pages = static_cast<size_t>(shape_.pages(end));
    while (pages_.size() < pages) pages_.push_back(new_page(shape_, alive_));
  }
  if (shape_.window_layers > 0 && !ring_) ring_ = new_ring();
  if (begin == 0) low_ = high_ = 0;
  high_ = std::max(high_, end);
}

void KvCache::truncate(int length) {
  const size_t kept = static_cast<size_t>(shape_.pages(length));
  if (pages_.size() > kept) pages_.resize(kept);
}

bool KvCache::holds_window(int position) const {
  if (shape_.window_layers == 0) return true;
  const int oldest_needed = std::max(0, position - shape_.window + 1);
  // The block of high_ - 1 has overwritten the one a whole ring before it.
  const int last_block = (std::max(high_, 1) - 1) / kBlock;
  return oldest_needed >= std::max(low_, (last_block - ring_blocks_ + 1) * kBlock);
}

std::shared_ptr<const Snapshot> KvCache::snapshot(int length) const {
  KvSnapshot::Pages pages(pages_.begin(), pages_.begin() + shape_.pages(length));
  const int first = shape_.first_in_window(length);
  std::vector<std::byte> window(shape_.window_bytes(length));
  if (!window.empty()) ring_->read(first, length - first, window.data());
  return std::make_shared<KvSnapshot>(shape_, length, std::move(pages), std::move(window), alive_);
}

void KvCache::restore(const KvSnapshot& snapshot) {
  const int length = snapshot.length();
  KvSnapshot::Pages pages = snapshot.shared();
  // A whole page is shared, and copied when it must be written. Of a partial one, the sequence that
  // it comes from may go on writing behind the snapshot.
  const int rest = length % kPagePositions;
  if (rest > 0 && !pages.empty()) pages.back() = copy_of(*pages.back(), rest);
  if (shape_.window_layers > 0 && !ring_) ring_ = new_ring();
  pages_ = std::move(pages);
  low_ = shape_.first_in_window(length);
  high_ = length;
  if (ring_) ring_->write(low_, length - low_, snapshot.window().data());
}

uint8_t* KvCache::block_data(int layer, int index, int head) const {
  const size_t at = static_cast<size_t>(layer);
  if (shape_.windowed[at]) return ring_->block(shape_.place[at], index, head);
  return pages_[static_cast<size_t>(index / kPageBlocks)]->block(shape_.place[at], index, head);
}

void KvCache::write(const Kernels& kernels, int layer, int position, int head, const float* key,
                    const float* value) {
  uint8_t* data = block_data(layer, position / kBlock, head);
  const int slot = position % kBlock;
  if (shape_.item == 4) {
    float* keys = reinterpret_cast<float*>(data);
    for (int d = 0; d < kHeadDim; ++d) keys[d * kBlock + slot] = key[d];
    std::copy(value, value + kHeadDim, keys + kBlockValues + slot * kHeadDim);
  } else {
    uint16_t* keys = reinterpret_cast<uint16_t*>(data);
    uint16_t half[kHeadDim];
    kernels.store_f16(key, half, kHeadDim);
    for (int d = 0; d < kHeadDim; ++d) keys[d * kBlock + slot] = half[d];
    kernels.store_f16(value, keys + kBlockValues + slot * kHeadDim, kHeadDim);
  }
}

uint64_t KvCache::bytes() const {
  uint64_t total = ring_ ? ring_->bytes() : 0;
  for (const auto& page : pages_) total += page->bytes();
  return total;
}

}  // namespace gptoss::cpu
