#include "cpu/experts.h"

#include <algorithm>
#include <cmath>

namespace gptoss::cpu {

namespace {

struct Choice {
  int expert;
  float weight;
};

// The top_k largest logits (the lower expert on ties) and the softmax over them.
void choose(const float* logits, int experts, int top_k, Choice* chosen) {
  int count = 0;
  for (int e = 0; e < experts; ++e) {
    int place = count;
    while (place > 0 && logits[e] > chosen[place - 1].weight) --place;
    if (place == top_k) continue;
    count = std::min(count + 1, top_k);
    for (int i = count - 1; i > place; --i) chosen[i] = chosen[i - 1];
    chosen[place] = {e, logits[e]};
  }
  const float largest = chosen[0].weight;
  float sum = 0;
  for (int i = 0; i < top_k; ++i) {
    chosen[i].weight = std::exp(chosen[i].weight - largest);
    sum += chosen[i].weight;
  }
  for (int i = 0; i < top_k; ++i) chosen[i].weight /= sum;
}

MatrixRows rows_of(const ExpertMatrices& w, int expert, RowRange rows) {
  const int64_t start = (int64_t{expert} * w.rows + rows.first) * (w.cols / kGroup);
  return {w.blocks + start * 16, w.scales + start, rows.count, w.cols};
}

const float* bias_of(const ExpertMatrices& w, int expert, RowRange rows) {
  return w.bias + int64_t{expert} * w.rows + rows.first;
}

}  // namespace

void Experts::add(const Machine& machine, ScratchSet& scratch, const Config& config,
                  const LayerWeights& layer, const float* router, const float* x, int count,
                  float* y) {
  route(config, router, count);
  const std::span<const Operand> rows =
      operands_.prepare(machine, Storage::mxfp4, x, count, config.hidden);
  inputs_.clear();
  for (const Assignment& assignment : assignments_) {
    inputs_.push_back(rows[static_cast<size_t>(assignment.row)]);
  }
  gate_up(machine, scratch, config, layer.gate_up);
  down(machine, scratch, config, layer.down, y);
}

void Experts::route(const Config& config, const float* router, int rows) {
  std::vector<Choice> chosen(static_cast<size_t>(rows) * static_cast<size_t>(config.top_k));
  std::vector<int> count(static_cast<size_t>(config.experts), 0);
  for (int t = 0; t < rows; ++t) {
    Choice* own = chosen.data() + int64_t{t} * config.top_k;
    choose(router + int64_t{t} * config.experts, config.experts, config.top_k, own);
    for (int i = 0; i < config.top_k; ++i) ++count[static_cast<size_t>(own[i].expert)];
  }
  groups_.clear();
  std::vector<int> next(count.size(), 0);
  int first = 0;
  for (int e = 0; e < config.experts; ++e) {
    next[static_cast<size_t>(e)] = first;
    const int size = count[static_cast<size_t>(e)];
    if (size > 0) groups_.push_back({e, first, size});
    first += size;
  }
  assignments_.resize(chosen.size());
  for (int t = 0; t < rows; ++t) {
    for (int i = 0; i < config.top_k; ++i) {
      const Choice& choice = chosen[static_cast<size_t>(t * config.top_k + i)];
      int& place = next[static_cast<size_t>(choice.expert)];
      assignments_[static_cast<size_t>(place++)] = {t, choice.weight};
    }
  }
}

void Experts::gate_up(const Machine& machine, ScratchSet& scratch, const Config& config,
                      const ExpertMatrices& w) {
  const size_t values = assignments_.size() * static_cast<size_t>(config.intermediate);
  float* gated = gated_.reserve(values);
  const Tiles tiles = machine.tiles(w.rows, groups_.size());
  const int64_t items = static_cast<int64_t>(groups_.size()) * tiles.count();
  machine.pool.run(items, [&](int64_t item, int thread) {
    const Group& group = groups_[static_cast<size_t>(item / tiles.count())];
    const RowRange rows = tiles.at(item % tiles.count());
    Scratch& own = scratch[static_cast<size_t>(thread)];
    const float* bias = bias_of(w, group.expert, rows);
    const MatrixRows matrix = rows_of(w, group.expert, rows);
    const float* result = multiply(machine, own, Storage::mxfp4, matrix, bias, group.of(inputs_));
    for (int t = 0; t < group.count; ++t) {
      float* out = gated + int64_t{group.first + t} * config.intermediate + rows.first / 2;
      machine.kernels.swiglu(result + t * kTileRows, bias, out, rows.count / 2,
                             config.swiglu_limit);
    }
  });
}

void Experts::down(const Machine& machine, ScratchSet& scratch, const Config& config,
                   const ExpertMatrices& w, float* y) {
  const std::span<const Operand> gated =
      operands_.prepare(machine, Storage::mxfp4, gated_.get(),
                        static_cast<int>(assignments_.size()), config.intermediate);
  // One item is a tile of rows for all experts in turn: no two items add to the same value, and a
  // row's experts are summed in one fixed order.
  const Tiles tiles = machine.tiles(w.rows);
  machine.pool.run(tiles.count(), [&](int64_t tile, int thread) {
    const RowRange rows = tiles.at(tile);
    Scratch& own = scratch[static_cast<size_t>(thread)];
    for (const Group& group : groups_) {
      const float* bias = bias_of(w, group.expert, rows);
      const MatrixRows matrix = rows_of(w, group.expert, rows);
      const float* result = multiply(machine, own, Storage::mxfp4, matrix, bias, group.of(gated));
      for (int t = 0; t < group.count; ++t) {
        const Assignment& to = assignments_[static_cast<size_t>(group.first + t)];
        machine.kernels.add_scaled(result + t * kTileRows, bias, to.weight,
                                   y + int64_t{to.row} * config.hidden + rows.first, rows.count);
      }
    }
  });
}

}  // namespace gptoss::cpu
