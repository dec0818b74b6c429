#include "cpu/attention.h"

#include <algorithm>

namespace gptoss::cpu {

namespace {

constexpr int kQueryTile = 16;  // queries that share one unpacked block of keys and values

}  // namespace

Attention::Attention(const Config& config, const Machine& machine)
    : config_(config), machine_(machine), scratch_(static_cast<size_t>(machine.pool.threads())) {}

// Long sequences first, so that no thread is left alone with one at the end.
void Attention::plan(const Batch& batch) {
  tasks_.clear();
  for (const Batch::Item& item : batch.items()) {
    const int count = static_cast<int>(item.tokens.size());
    for (int head = 0; head < config_.kv_heads; ++head) {
      for (int first = 0; first < count; first += kQueryTile) {
        tasks_.push_back({&item, head, first, std::min(first + kQueryTile, count)});
      }
    }
  }
  std::ranges::stable_sort(tasks_, std::greater<>(), [](const Task& task) {
    return int64_t{task.item->start + task.last} * (task.last - task.first);
  });
}

void Attention::run(int layer, const float* sinks, const float* qkv, float* attended) {
  machine_.pool.run(static_cast<int64_t>(tasks_.size()), [&](int64_t task, int thread) {
    attend({layer, sinks, qkv, attended}, tasks_[static_cast<size_t>(task)],
           scratch_[static_cast<size_t>(thread)]);
  });
}

void Attention::attend(const Layer& layer, const Task& task, Scratch& scratch) const {
  const auto [item, kv_head, first, last] = task;
  const int start = item->start;
  const int group = config_.heads_per_group();
  const int window =
      config_.windowed[static_cast<size_t>(layer.index)] ? config_.window : INT32_MAX;
  AttentionState* states = scratch.states.reserve(static_cast<size_t>((last - first) * group));
  for (int t = first; t < last; ++t) {
    for (int g = 0; g < group; ++g) {
      AttentionState& state = states[(t - first) * group + g];
      state = {layer.sinks[kv_head * group + g], 1.0f, {}};
    }
  }
  float* unpacked = scratch.block.reserve(2 * size_t{kBlock} * kHeadDim);
  const auto oldest = [&](int t) { return std::max(0, start + t - window + 1); };
  for (int b = oldest(first) / kBlock; b <= (start + last - 1) / kBlock; ++b) {
    const KvCache::View block =
        item->cache.block(machine_.kernels, layer.index, b, kv_head, unpacked);
    for (int t = first; t < last; ++t) {
      const int from = std::max(oldest(t) - b * kBlock, 0);
      const int to = std::min(start + t + 1 - b * kBlock, kBlock);
      if (from >= to) continue;
      const float* q =
          layer.qkv + int64_t{item->first + t} * config_.qkv_width() + kv_head * group * kHeadDim;
      for (int g = 0; g < group; ++g) {
        machine_.kernels.attention.attend(q + g * kHeadDim, block.keys, block.values, from, to,
                                          &states[(t - first) * group + g]);
      }
    }
  }
  for (int t = first; t < last; ++t) {
    float* out =
        layer.attended + int64_t{item->first + t} * config_.q_width() + kv_head * group * kHeadDim;
    for (int g = 0; g < group; ++g) {
      const AttentionState& state = states[(t - first) * group + g];
      for (int d = 0; d < kHeadDim; ++d) out[g * kHeadDim + d] = state.out[d] / state.l;
    }
  }
}

}  // namespace gptoss::cpu
