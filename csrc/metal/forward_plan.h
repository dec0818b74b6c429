// The steps of one forward pass (DESIGN: "Few dispatches"; kernels and buffers in metal/README.md).
#pragma once

#include "metal/kv_cache.h"
#include "metal/plan.h"
#include "metal/scratch.h"
#include "metal/weight_buffers.h"

namespace gptoss::metal {

// Tokens at positions start .. start + count - 1, whose embeddings and angles lie in the scratch.
struct Pass {
  const Config& config;
  const WeightBuffers& weights;
  const KvCache& cache;
  const Scratch& scratch;
  int count;
  int start;
};

// Whether `count` tokens take the decode kernels; else the prefill kernels.
bool takes_decode(int count);
// Most rows of logits that the last plan of a pass, and most that each slice behind it computes.
constexpr int kDecodeRows = 8;
constexpr int kSliceRows = 64;
// Parts into which decode's attention over a full layer is split, with `positions` in the cache.
int attention_splits(int positions);

// All layers, and with 1 .. kDecodeRows logit rows the logits of the last ones.
Plan forward_plan(const Pass& pass, int logit_rows);
// The logits of rows first .. first + rows - 1, at most kSliceRows, after forward_plan().
Plan logits_plan(const Pass& pass, int first, int rows);

// Parts of forward_plan(), for one layer. `first` .. count - 1 are the rows that later layers or
// the logits need: all but in the last layer, where the others only leave their keys and values.
void add_decode_layer(Plan& plan, const Pass& pass, int layer, int first);
void add_prefill_layer(Plan& plan, const Pass& pass, int layer, int first);
// Everything behind the keys and values, with decode kernels.
void add_decode_rest(Plan& plan, const Pass& pass, int layer, int first, int rows);

}  // namespace gptoss::metal
