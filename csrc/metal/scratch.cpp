#include "metal/scratch.h"

#include <algorithm>

#include "metal/args.h"

namespace gptoss::metal {

namespace {

constexpr int kRounding = 64;  // tokens of prefill, so that chunks of similar length share a size

bool for_prefill(Area area) { return area >= Area::qkv; }

bool of_cpu(Area area) {
  return area == Area::rows || area == Area::angles || area == Area::logits;
}

}  // namespace

uint64_t Scratch::row_bytes(Area area) const {
  const auto size = [](int values) { return static_cast<uint64_t>(values) * 4; };
  switch (area) {
    case Area::rows:
      return static_cast<uint64_t>(config_.hidden) * 2;
    case Area::angles:
      return size(kHeadDim);  // 32 cosines, 32 sines
    case Area::residual:
    case Area::normed:
      return size(config_.hidden);
    case Area::query:
    case Area::attended:
      return size(config_.q_width());
    case Area::chosen:
    case Area::weights:
    case Area::order:
      return size(config_.top_k);
    case Area::gated:
      return size(config_.top_k) * static_cast<uint64_t>(config_.intermediate);
    case Area::logits:
      return size(config_.vocab);
    case Area::partials:  // per head and split: m, l, out
      return size(config_.heads * (kHeadDim + 2)) * static_cast<uint64_t>(splits_);
    case Area::qkv:
      return size(config_.qkv_width());
    case Area::tiles:  // rows of this area are tiles
      return sizeof(ExpertTile);
    case Area::outputs:
      break;
  }
  return size(config_.top_k) * static_cast<uint64_t>(config_.hidden);
}

uint32_t Scratch::tiles(const Config& config, int tokens) {
  return static_cast<uint32_t>(tokens * config.top_k / GPTOSS_EXPERT_TILE + config.experts);
}

void Scratch::reserve(const PassSize& size) {
  const int tokens =
      size.prefill ? (size.tokens + kRounding - 1) / kRounding * kRounding : GPTOSS_DECODE_TOKENS;
  splits_ = std::max(splits_, size.splits);
  for (size_t i = 0; i < kAreas; ++i) {
    const Area area = static_cast<Area>(i);
    uint64_t rows = static_cast<uint64_t>(tokens);
    if (for_prefill(area) && !size.prefill) continue;
    if (area == Area::partials) rows = splits_ > 1 ? GPTOSS_DECODE_TOKENS : 0;
    if (area == Area::logits) rows = static_cast<uint64_t>(size.logit_rows);
    if (area == Area::tiles) rows = tiles(config_, tokens);
    grow(area, rows * row_bytes(area));
  }
  residency_.commit();
}

void Scratch::grow(Area area, uint64_t bytes) {
  Buffer& buffer = buffers_[static_cast<size_t>(area)];
  if (bytes <= buffer.bytes()) return;
  buffer.reset();  // first, so that both are never there together
  Buffer grown = memory_.allocate(
      bytes, of_cpu(area) ? Memory::Storage::shared : Memory::Storage::gpu, "scratch memory");
  residency_.add(grown, false);
  buffer = std::move(grown);
}

Slice Scratch::rows(Area area, int first, int count) const {
  const uint64_t bytes = row_bytes(area);
  return buffer(area).slice(static_cast<uint64_t>(first) * bytes,
                            static_cast<uint64_t>(count) * bytes);
}

uint64_t Scratch::bytes() const {
  uint64_t total = 0;
  for (const Buffer& buffer : buffers_) total += buffer.bytes();
  return total;
}

}  // namespace gptoss::metal
