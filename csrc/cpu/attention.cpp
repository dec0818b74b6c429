#include "cpu/attention.h"

#include <algorithm>
#include <functional>

namespace gptoss::cpu {

namespace {

constexpr int kQueryTile = 16;      // tokens that read a block together
constexpr int kPartBlocks = 16;     // blocks of 64 positions between the borders of parts
constexpr int kTasksPerThread = 8;  // at least, where the work can be divided so finely
constexpr int kNoWindow = 1 << 30;
constexpr size_t kStateWidth = kHeadDim + kSumLanes + 1;  // floats per row

// Position of the oldest token that the one at `position` sees.
int oldest(int position, int window) { return std::max(0, position - window + 1); }

}  // namespace

Attention::Attention(const Config& config, const Machine& machine)
    : config_(config), machine_(machine), scratch_(static_cast<size_t>(machine.pool.threads())) {}

int Attention::rows(const Tile& tile) const {
  const int rows = (tile.last - tile.first) * config_.heads_per_group();
  return (rows + kAttentionRows - 1) / kAttentionRows * kAttentionRows;
}

// Long tasks first, so that no thread is left alone with one at the end.
void Attention::plan(const Batch& batch) {
  const auto longest_first = [](std::vector<Task>& tasks) {
    std::ranges::stable_sort(tasks, std::greater<>(), &Task::cost);
  };
  window_tasks_.clear();
  int64_t total = 0;
  for (const Batch::Item& item : batch.items()) {
    const int count = static_cast<int>(item.tokens.size());
    for (int head = 0; head < config_.kv_heads; ++head) {
      for (int first = 0; first < count; first += kQueryTile) {
        const int last = std::min(first + kQueryTile, count);
        const int64_t cost = int64_t{item.start + last} * (last - first);
        window_tasks_.push_back({{&item, head, first, last}, -1, 0, cost});
        total += cost;
      }
    }
  }
  full_tasks_.clear();
  merges_.clear();
  const int64_t enough = total / (kTasksPerThread * machine_.pool.threads());
  size_t place = 0;
  for (const Task& task : window_tasks_) {
    const Tile& tile = task.tile;
    const int parts = (tile.item->start + tile.last - 1) / (kPartBlocks * kBlock) + 1;
    if (task.cost <= enough || parts == 1) {
      full_tasks_.push_back(task);
      continue;
    }
    merges_.push_back({tile, parts, place});
    for (int part = 0; part < parts; ++part) {
      full_tasks_.push_back({tile, part, place, task.cost / parts});
      place += static_cast<size_t>(rows(tile)) * kStateWidth;
    }
  }
  parts_.reserve(place);
  longest_first(window_tasks_);
  longest_first(full_tasks_);
}

void Attention::run(int index, const float* sinks, const float* qkv, float* attended) {
  const bool windowed = config_.windowed[static_cast<size_t>(index)];
  const Layer layer{index, windowed ? config_.window : kNoWindow, sinks, qkv, attended};
  const std::vector<Task>& tasks = windowed ? window_tasks_ : full_tasks_;
  machine_.pool.run(static_cast<int64_t>(tasks.size()), [&](int64_t task, int thread) {
    attend(layer, tasks[static_cast<size_t>(task)], scratch_[static_cast<size_t>(thread)]);
  });
  if (windowed || merges_.empty()) return;
  machine_.pool.run(static_cast<int64_t>(merges_.size()), [&](int64_t i, int thread) {
    merge(layer, merges_[static_cast<size_t>(i)], scratch_[static_cast<size_t>(thread)]);
  });
}

AttentionState Attention::state_in(float* buffer, int rows) const {
  float* l = buffer + rows * kHeadDim;
  return {l + rows * kSumLanes, l, buffer};
}

AttentionQueries Attention::queries(const Layer& layer, const Tile& tile, Scratch& scratch) const {
  const int group = config_.heads_per_group();
  const int count = rows(tile);
  float* q = scratch.queries.reserve(static_cast<size_t>(count) * kHeadDim);
  float* to = q;
  for (int t = tile.first; t < tile.last; ++t) {
    const float* from = layer.qkv + int64_t{tile.item->first + t} * config_.qkv_width() +
                        tile.kv_head * group * kHeadDim;
    to = std::copy_n(from, group * kHeadDim, to);
  }
  std::fill(to, q + count * kHeadDim, 0.0f);
  return {q, count, tile.last - tile.first, group};
}

AttentionState Attention::sink(const Layer& layer, const Tile& tile, Scratch& scratch) const {
  const int group = config_.heads_per_group();
  const int count = rows(tile);
  float* buffer = scratch.total.reserve(static_cast<size_t>(count) * kStateWidth);
  std::fill_n(buffer, static_cast<size_t>(count) * kStateWidth, 0.0f);
  const AttentionState state = state_in(buffer, count);
  for (int row = 0; row < count; ++row) {
    state.m[row] = layer.sinks[tile.kv_head * group + row % group];
    state.l[row * kSumLanes] = 1.0f;
  }
  return state;
}

void Attention::attend_part(const Layer& layer, const Tile& tile, const AttentionQueries& queries,
                            int part, const AttentionState& state) const {
  std::fill_n(state.out, static_cast<size_t>(queries.rows) * kStateWidth, 0.0f);
  std::fill_n(state.m, queries.rows, kNothing);
  const AttentionKernels& kernels = machine_.kernels.attention;
  const auto attend =
      machine_.precision == Precision::exact ? kernels.attend_f32 : kernels.attend_f16;
  const int position = tile.item->start + tile.first;
  const int newest = tile.item->start + tile.last - 1;
  const int begin = std::max(oldest(position, layer.window) / kBlock, part * kPartBlocks);
  const int end = std::min(newest / kBlock, (part + 1) * kPartBlocks - 1);
  const void* data = tile.item->cache.block(layer.index, begin, tile.kv_head);
  for (int b = begin; b <= end; ++b) {
    const void* next = b == end ? data : tile.item->cache.block(layer.index, b + 1, tile.kv_head);
    const int first = position - layer.window + 1 - b * kBlock;
    attend(queries, {data, next, first, position + 1 - b * kBlock}, state);
    data = next;
  }
}

void Attention::attend(const Layer& layer, const Task& task, Scratch& scratch) {
  const Tile& tile = task.tile;
  const AttentionQueries queries = this->queries(layer, tile, scratch);
  if (task.part >= 0) {
    attend_part(layer, tile, queries, task.part, state_in(parts_.get() + task.place, queries.rows));
    return;
  }
  const AttentionState total = sink(layer, tile, scratch);
  float* buffer = scratch.part.reserve(static_cast<size_t>(queries.rows) * kStateWidth);
  const AttentionState state = state_in(buffer, queries.rows);
  const int span = kPartBlocks * kBlock;
  const int start = tile.item->start;
  for (int part = oldest(start + tile.first, layer.window) / span;
       part <= (start + tile.last - 1) / span; ++part) {
    attend_part(layer, tile, queries, part, state);
    machine_.kernels.attention.merge(total, state, queries.rows);
  }
  finish(layer, tile, total);
}

void Attention::merge(const Layer& layer, const Merge& merge, Scratch& scratch) {
  const int count = rows(merge.tile);
  const AttentionState total = sink(layer, merge.tile, scratch);
  for (int part = 0; part < merge.parts; ++part) {
    float* buffer = parts_.get() + merge.place +
                    static_cast<size_t>(part) * static_cast<size_t>(count) * kStateWidth;
    machine_.kernels.attention.merge(total, state_in(buffer, count), count);
  }
  finish(layer, merge.tile, total);
}

void Attention::finish(const Layer& layer, const Tile& tile, const AttentionState& total) const {
  machine_.kernels.attention.finish(total, rows(tile));
  const int width = config_.heads_per_group() * kHeadDim;
  const float* from = total.out;
  for (int t = tile.first; t < tile.last; ++t, from += width) {
    std::copy_n(
        from, width,
        layer.attended + int64_t{tile.item->first + t} * config_.q_width() + tile.kv_head * width);
  }
}

}  // namespace gptoss::cpu
