#include "cpu/kv_cache.h"

#include <algorithm>

namespace gptoss::cpu {

static_assert(kHeadDimension == kHeadDim);  // kernels.h stands apart from the model's headers

KvCache::KvCache(const Config& config, bool exact, int context, int chunk)
    : item_(exact ? 4 : 2),
      kv_heads_(config.kv_heads),
      window_(config.window),
      // One block more than window and chunk: both ends may lie inside a block.
      ring_blocks_((std::min(config.window, context) + chunk + kBlock - 1) / kBlock + 1) {
  for (const bool windowed : config.windowed) layers_.push_back({windowed, {}});
}

void KvCache::extend(int begin, int end) {
  const int64_t block_bytes = 2 * kBlockValues * item_ * kv_heads_;
  const size_t pages =
      static_cast<size_t>((end + kPageBlocks * kBlock - 1) / (kPageBlocks * kBlock));
  for (Layer& layer : layers_) {
    if (layer.windowed) {
      if (layer.pages.empty()) {
        layer.pages.push_back(
            std::make_unique<uint8_t[]>(static_cast<size_t>(block_bytes * ring_blocks_)));
      }
    } else {
      while (layer.pages.size() < pages) {
        layer.pages.push_back(
            std::make_unique<uint8_t[]>(static_cast<size_t>(block_bytes * kPageBlocks)));
      }
    }
  }
  if (begin == 0) high_ = 0;
  high_ = std::max(high_, end);
}

void KvCache::truncate(int length) {
  const size_t pages =
      static_cast<size_t>((length + kPageBlocks * kBlock - 1) / (kPageBlocks * kBlock));
  for (Layer& layer : layers_) {
    if (!layer.windowed && layer.pages.size() > pages) layer.pages.resize(pages);
  }
}

bool KvCache::holds_window(int position) const {
  const int oldest_needed = std::max(0, position - window_ + 1);
  // The block of high_ - 1 has overwritten the one a whole ring before it.
  const int last_block = (std::max(high_, 1) - 1) / kBlock;
  const int oldest_held = std::max(0, (last_block - ring_blocks_ + 1) * kBlock);
  return oldest_needed >= oldest_held;
}

uint8_t* KvCache::block_data(int layer, int index, int head) const {
  const Layer& l = layers_[static_cast<size_t>(layer)];
  const int page = l.windowed ? 0 : index / kPageBlocks;
  const int slot = l.windowed ? index % ring_blocks_ : index % kPageBlocks;
  const int64_t offset = (int64_t{slot} * kv_heads_ + head) * 2 * kBlockValues * item_;
  return l.pages[static_cast<size_t>(page)].get() + offset;
}

void KvCache::write(const Kernels& kernels, int layer, int position, int head, const float* key,
                    const float* value) {
  uint8_t* data = block_data(layer, position / kBlock, head);
  const int slot = position % kBlock;
  if (item_ == 4) {
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

KvCache::View KvCache::block(const Kernels& kernels, int layer, int index, int head,
                             float* scratch) const {
  const uint8_t* data = block_data(layer, index, head);
  if (item_ == 4) {
    const float* keys = reinterpret_cast<const float*>(data);
    return {keys, keys + kBlockValues};
  }
  kernels.unpack_f16(reinterpret_cast<const uint16_t*>(data), scratch, 2 * kBlockValues);
  return {scratch, scratch + kBlockValues};
}

uint64_t KvCache::bytes() const {
  const int64_t block_bytes = 2 * kBlockValues * item_ * kv_heads_;
  uint64_t total = 0;
  for (const Layer& layer : layers_) {
    const int64_t blocks = layer.windowed ? ring_blocks_ : kPageBlocks;
    total += layer.pages.size() * static_cast<uint64_t>(blocks * block_bytes);
  }
  return total;
}

}  // namespace gptoss::cpu
