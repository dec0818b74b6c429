// The inner loops of attention over the KV cache, compiled once per instruction set
// (attention_impl.h).
#pragma once

#include <cstdint>

namespace gptoss::cpu {

// Positions that one block of the KV cache holds; attention works block by block.
constexpr int kBlock = 64;
constexpr int kHeadDimension = 64;

// Rows of attention come in multiples of this; those too many have queries of zero.
constexpr int kAttentionRows = 8;
// Partial sums of a softmax sum: the lanes of the widest vector.
constexpr int kSumLanes = 16;

// The query heads that share a KV head, for some tokens: row t * group + g is head g of token t.
struct AttentionQueries {
  const float* q;  // [rows, 64], rotated and scaled
  int rows;
  int tokens;
  int group;  // heads per token
};

// Running state of attention for some rows. Nothing seen yet: m = kNothing, the rest 0. A sink
// alone: m = sink, one lane of l = 1, the rest 0.
struct AttentionState {
  float* m;    // [rows], softmax maximum
  float* l;    // [rows, kSumLanes], softmax sum in parts
  float* out;  // [rows, 64], output before division by l
};
constexpr float kNothing = -3.0e38f;

// One block of one KV head: keys [64 dimensions, 64 positions], then values [64 positions, 64].
struct AttentionBlock {
  const void* data;
  const void* next;  // the block to be read after it, asked for meanwhile
  // The first token sees positions [first, last) of the block, each further token one more at the
  // end and one less at the beginning; both are meant cut off at 0 and kBlock.
  int first;
  int last;
};

struct AttentionKernels {
  // Continues attention of all rows over one block. What a row gets depends on its own query and
  // positions, not on the rows beside it.
  void (*attend_f16)(const AttentionQueries& queries, const AttentionBlock& block,
                     const AttentionState& state);
  void (*attend_f32)(const AttentionQueries& queries, const AttentionBlock& block,
                     const AttentionState& state);
  // state = state and `other` together, in this order.
  void (*merge)(const AttentionState& state, const AttentionState& other, int rows);
  // out = out / l
  void (*finish)(const AttentionState& state, int rows);
};

}  // namespace gptoss::cpu
