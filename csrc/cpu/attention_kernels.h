// The inner loops of attention over the KV cache, compiled once per instruction set
// (attention_impl.h).
#pragma once

#include <cstdint>

namespace gptoss::cpu {

// Positions that one block of the KV cache holds; attention works block by block.
constexpr int kBlock = 64;
constexpr int kHeadDimension = 64;

// Running state of attention for one query head: softmax maximum, softmax sum and the
// unnormalised output. It starts from the sink: m = sink, l = 1, out = 0.
struct AttentionState {
  float m;
  float l;
  float out[kHeadDimension];
};

struct AttentionKernels {
  // Continues attention of one query head over positions [first, last) of one block.
  // query [64], already scaled; keys [64 dims, 64 positions] and values [64, 64] in f32.
  void (*attend)(const float* query, const float* keys, const float* values, int first, int last,
                 AttentionState* state);
  // f16 -> f32 of one block's keys or values (kBlock * kHeadDimension values).
  void (*unpack_f16)(const uint16_t* x, float* y, int n);
};

}  // namespace gptoss::cpu
