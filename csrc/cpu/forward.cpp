#include "cpu/forward.h"

#include <algorithm>

#include "cpu/linear.h"
#include "cpu/sequence.h"
#include "model/error.h"

namespace gptoss::cpu {

namespace {

constexpr int kQueryTile = 16;  // queries that share one unpacked block of keys and values
constexpr int kTokenTile = 8;   // tokens per item of element-wise work

int tiles(int count, int tile) { return (count + tile - 1) / tile; }

}  // namespace

Forward::Forward(const Weights& weights, const Machine& machine)
    : weights_(weights),
      config_(weights.config()),
      machine_(machine),
      rope_(config_),
      scratch_(static_cast<size_t>(machine.pool.threads())),
      attention_scratch_(static_cast<size_t>(machine.pool.threads())) {}

void Forward::run(std::span<const BatchItem> items) {
  for (const BatchItem& item : items) run(item);
}

void Forward::run(const BatchItem& item) {
  const int32_t* tokens = item.tokens.data();
  const int count = static_cast<int>(item.tokens.size());
  const int start = item.start;
  cache_ = &static_cast<CpuSequence&>(item.sequence).cache();
  cache_->extend(start, start + count);
  embed(tokens, count);
  float* cosines = cosines_.reserve(static_cast<size_t>(count) * Rope::kPairs);
  float* sines = sines_.reserve(static_cast<size_t>(count) * Rope::kPairs);
  for (int t = 0; t < count; ++t) {
    rope_.angles(start + t, cosines + t * Rope::kPairs, sines + t * Rope::kPairs);
  }
  float* residual = residual_.get();
  for (int i = 0; i < config_.layers; ++i) {
    if (item.cancelled.load(std::memory_order_relaxed)) throw Cancelled();
    const LayerWeights& layer = weights_.layer(i);
    norm(layer.attn_norm, 0, count);
    float* qkv =
        qkv_.reserve(static_cast<size_t>(count) * static_cast<size_t>(config_.qkv_width()));
    linear(machine_, scratch_, layer.qkv, layer.qkv_bias, normed_.get(), count, false, qkv);
    rotate_and_store(i, count, start);
    attend(i, layer, count, start);
    linear(machine_, scratch_, layer.out, layer.out_bias, attended_.get(), count, true, residual);
    norm(layer.mlp_norm, 0, count);
    float* router =
        router_.reserve(static_cast<size_t>(count) * static_cast<size_t>(config_.experts));
    linear(machine_, scratch_, layer.router, layer.router_bias, normed_.get(), count, false,
           router);
    experts_.add(machine_, scratch_, config_, layer, router, normed_.get(), count, residual);
  }
  if (item.logit_rows > 0) unembed(count, item.logit_rows, item.logits);
}

void Forward::embed(const int32_t* tokens, int count) {
  float* residual =
      residual_.reserve(static_cast<size_t>(count) * static_cast<size_t>(config_.hidden));
  for (int t = 0; t < count; ++t) {
    const uint16_t* row = weights_.embedding() + int64_t{tokens[t]} * config_.hidden;
    machine_.kernels.unpack_bf16(row, residual + int64_t{t} * config_.hidden, config_.hidden);
  }
}

void Forward::norm(const float* weight, int first, int count) {
  float* normed = normed_.reserve(static_cast<size_t>(count) * static_cast<size_t>(config_.hidden));
  machine_.pool.run(tiles(count - first, kTokenTile), [&](int64_t tile, int) {
    const int begin = first + static_cast<int>(tile) * kTokenTile;
    for (int t = begin; t < std::min(begin + kTokenTile, count); ++t) {
      const int64_t row = int64_t{t} * config_.hidden;
      machine_.kernels.rms_norm(residual_.get() + row, weight, normed + row, config_.hidden,
                                config_.norm_eps);
    }
  });
}

void Forward::rotate_and_store(int layer, int count, int start) {
  machine_.pool.run(tiles(count, kTokenTile), [&](int64_t tile, int) {
    const int first = static_cast<int>(tile) * kTokenTile;
    for (int t = first; t < std::min(first + kTokenTile, count); ++t) {
      float* q = qkv_.get() + int64_t{t} * config_.qkv_width();
      float* k = q + config_.q_width();
      const float* v = k + config_.kv_width();
      const float* cosines = cosines_.get() + t * Rope::kPairs;
      const float* sines = sines_.get() + t * Rope::kPairs;
      for (int h = 0; h < config_.heads; ++h) {
        Rope::rotate(q + h * kHeadDim, cosines, sines, kAttentionScale);
      }
      for (int h = 0; h < config_.kv_heads; ++h) {
        Rope::rotate(k + h * kHeadDim, cosines, sines, 1.0f);
        cache_->write(machine_.kernels, layer, start + t, h, k + h * kHeadDim, v + h * kHeadDim);
      }
    }
  });
}

void Forward::attend(int layer, const LayerWeights& weights, int count, int start) {
  attended_.reserve(static_cast<size_t>(count) * static_cast<size_t>(config_.q_width()));
  const int query_tiles = tiles(count, kQueryTile);
  machine_.pool.run(int64_t{config_.kv_heads} * query_tiles, [&](int64_t item, int thread) {
    const int first = static_cast<int>(item % query_tiles) * kQueryTile;
    attend_tile(layer, weights.sinks, static_cast<int>(item / query_tiles), first,
                std::min(first + kQueryTile, count), start,
                attention_scratch_[static_cast<size_t>(thread)]);
  });
}

void Forward::attend_tile(int layer, const float* sinks, int kv_head, int first, int last,
                          int start, AttentionScratch& scratch) {
  const int group = config_.heads_per_group();
  const int window = config_.windowed[static_cast<size_t>(layer)] ? config_.window : INT32_MAX;
  AttentionState* states = scratch.states.reserve(static_cast<size_t>((last - first) * group));
  for (int t = first; t < last; ++t) {
    for (int g = 0; g < group; ++g) {
      AttentionState& state = states[(t - first) * group + g];
      state = {sinks[kv_head * group + g], 1.0f, {}};
    }
  }
  float* unpacked = scratch.block.reserve(2 * size_t{kBlock} * kHeadDim);
  const auto oldest = [&](int t) { return std::max(0, start + t - window + 1); };
  for (int b = oldest(first) / kBlock; b <= (start + last - 1) / kBlock; ++b) {
    const KvCache::View block = cache_->block(machine_.kernels, layer, b, kv_head, unpacked);
    for (int t = first; t < last; ++t) {
      const int from = std::max(oldest(t) - b * kBlock, 0);
      const int to = std::min(start + t + 1 - b * kBlock, kBlock);
      if (from >= to) continue;
      const float* q = qkv_.get() + int64_t{t} * config_.qkv_width() + kv_head * group * kHeadDim;
      for (int g = 0; g < group; ++g) {
        machine_.kernels.attend(q + g * kHeadDim, block.keys, block.values, from, to,
                                &states[(t - first) * group + g]);
      }
    }
  }
  for (int t = first; t < last; ++t) {
    float* out = attended_.get() + int64_t{t} * config_.q_width() + kv_head * group * kHeadDim;
    for (int g = 0; g < group; ++g) {
      const AttentionState& state = states[(t - first) * group + g];
      for (int d = 0; d < kHeadDim; ++d) out[g * kHeadDim + d] = state.out[d] / state.l;
    }
  }
}

void Forward::unembed(int count, int logit_rows, float* logits) {
  norm(weights_.final_norm(), count - logit_rows, count);
  const float* last = normed_.get() + int64_t{count - logit_rows} * config_.hidden;
  linear(machine_, scratch_, weights_.unembedding(), nullptr, last, logit_rows, false, logits);
}

}  // namespace gptoss::cpu
