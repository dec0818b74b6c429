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

// result[t, 0 .. rows) of one expert's rows first .. first + rows; x is in decode order when
// the machine takes the matvec for `tokens`.
void multiply_rows(const Machine& machine, Scratch& scratch, const ExpertMatrices& w, int expert,
                   int first, int rows, const float* x, int tokens, float* result) {
  const Kernels& k = machine.kernels;
  const int64_t start = (int64_t{expert} * w.rows + first) * (w.cols / kGroup);
  const uint8_t* blocks = w.blocks + start * 16;
  const uint8_t* scales = w.scales + start;
  if (machine.use_matvec(tokens)) {
    for (int t = 0; t < tokens; ++t) {
      k.matvec_mxfp4(blocks, scales, x + int64_t{t} * w.cols, result + int64_t{t} * kTileRows, rows,
                     w.cols);
    }
    return;
  }
  const int64_t count = int64_t{rows} * w.cols;
  float* panel = scratch.panel.reserve(static_cast<size_t>(count));
  k.unpack_mxfp4(blocks, scales, panel, count);
  k.matmul(panel, rows, x, tokens, w.cols, result, kTileRows);
}

}  // namespace

void Experts::add(const Machine& machine, ScratchSet& scratch, const Config& config,
                  const LayerWeights& layer, const float* router, const float* x, int tokens,
                  float* y) {
  route(config, router, tokens);
  gather(machine, config, x);
  gate_up(machine, scratch, config, layer.gate_up);
  down(machine, scratch, config, layer.down, y);
}

void Experts::route(const Config& config, const float* router, int tokens) {
  std::vector<Choice> chosen(static_cast<size_t>(tokens) * static_cast<size_t>(config.top_k));
  std::vector<int> count(static_cast<size_t>(config.experts), 0);
  for (int t = 0; t < tokens; ++t) {
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
  for (int t = 0; t < tokens; ++t) {
    for (int i = 0; i < config.top_k; ++i) {
      const Choice& choice = chosen[static_cast<size_t>(t * config.top_k + i)];
      int& place = next[static_cast<size_t>(choice.expert)];
      assignments_[static_cast<size_t>(place++)] = {t, choice.weight};
    }
  }
}

void Experts::gather(const Machine& machine, const Config& config, const float* x) {
  const size_t rows = assignments_.size();
  float* input = input_.reserve(rows * static_cast<size_t>(config.hidden));
  machine.pool.run(static_cast<int64_t>(groups_.size()), [&](int64_t g, int) {
    const Group& group = groups_[static_cast<size_t>(g)];
    for (int i = group.first; i < group.first + group.count; ++i) {
      const float* from = x + int64_t{assignments_[static_cast<size_t>(i)].token} * config.hidden;
      float* to = input + int64_t{i} * config.hidden;
      if (machine.use_matvec(group.count)) {
        machine.kernels.to_decode_order(from, to, config.hidden);
      } else {
        std::copy(from, from + config.hidden, to);
      }
    }
  });
}

void Experts::gate_up(const Machine& machine, ScratchSet& scratch, const Config& config,
                      const ExpertMatrices& w) {
  const size_t values = assignments_.size() * static_cast<size_t>(config.intermediate);
  float* gated = gated_.reserve(values);
  const int64_t tiles = w.rows / kTileRows;
  machine.pool.run(static_cast<int64_t>(groups_.size()) * tiles, [&](int64_t item, int thread) {
    const Group& group = groups_[static_cast<size_t>(item / tiles)];
    const int first = static_cast<int>(item % tiles) * kTileRows;
    Scratch& own = scratch[static_cast<size_t>(thread)];
    float* result = own.result.reserve(static_cast<size_t>(group.count) * kTileRows);
    multiply_rows(machine, own, w, group.expert, first, kTileRows,
                  input_.get() + int64_t{group.first} * config.hidden, group.count, result);
    const float* bias = w.bias + int64_t{group.expert} * w.rows + first;
    for (int t = 0; t < group.count; ++t) {
      float* out = gated + int64_t{group.first + t} * config.intermediate + first / 2;
      machine.kernels.swiglu(result + t * kTileRows, bias, out, kTileRows / 2, config.swiglu_limit);
    }
  });
}

void Experts::down(const Machine& machine, ScratchSet& scratch, const Config& config,
                   const ExpertMatrices& w, float* y) {
  float* ordered = ordered_.reserve(assignments_.size() * static_cast<size_t>(config.intermediate));
  for (const Group& group : groups_) {
    if (!machine.use_matvec(group.count)) continue;
    const int64_t start = int64_t{group.first} * config.intermediate;
    machine.kernels.to_decode_order(gated_.get() + start, ordered + start,
                                    group.count * config.intermediate);
  }
  // One item is a tile of rows for all experts in turn: no two items add to the same value, and a
  // token's experts are summed in one fixed order.
  machine.pool.run(w.rows / kTileRows, [&](int64_t tile, int thread) {
    const int first = static_cast<int>(tile) * kTileRows;
    Scratch& own = scratch[static_cast<size_t>(thread)];
    for (const Group& group : groups_) {
      float* result = own.result.reserve(static_cast<size_t>(group.count) * kTileRows);
      const float* x = machine.use_matvec(group.count) ? ordered : gated_.get();
      multiply_rows(machine, own, w, group.expert, first, kTileRows,
                    x + int64_t{group.first} * config.intermediate, group.count, result);
      const float* bias = w.bias + int64_t{group.expert} * w.rows + first;
      for (int t = 0; t < group.count; ++t) {
        const Assignment& to = assignments_[static_cast<size_t>(group.first + t)];
        machine.kernels.add_scaled(result + t * kTileRows, bias, to.weight,
                                   y + int64_t{to.token} * config.hidden + first, kTileRows);
      }
    }
  });
}

}  // namespace gptoss::cpu
