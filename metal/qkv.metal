// First step of a layer's decode: RMS norm, the query, key and value projections with bias, RoPE,
// and the KV cache's new entries, in one dispatch.
//
// residual  float [count, hidden]
// norm      float [hidden]
// weights   q8: int8 [(heads + 2 * kv_heads) * 64, hidden], or bf16 bits; queries, keys, values
// scales    q8: half [rows, hidden / 32]
// bias      float [rows]
// angles    float [count, 2, 32]: cosine and sine of each rotated pair, YaRN's factor included
// pages     the layer's page table; K and V of this token are written to slot position % ring
// query     float [count, heads * 64], written: rotated and times 1/8, the scale of attention
//
// Grid: x = 16 rows (a quarter of a head), y = tokens; 128 threads, no threadgroup memory. A
// simdgroup computes rows i, i + 1, i + 32 and i + 33 of a head, which are two rotated pairs, so
// RoPE needs no other thread. Accumulates in float. Lanes and operations per weight: dense.h.
#include "metal/dense.h"

// Value `r` of four that every lane holds.
GPTOSS_INLINE float chosen_value(float4 v, uint r) {
  return r == 0 ? v.x : r == 1 ? v.y : r == 2 ? v.z : v.w;
}

kernel void qkv(constant QkvArgs& args [[buffer(0)]],
                device const float* residual [[buffer(1)]],
                device const float* norm [[buffer(2)]],
                device const uint4* weights [[buffer(3)]],
                device const half* scales [[buffer(4)]],
                device const float* bias [[buffer(5)]],
                device const float* angles [[buffer(6)]],
                device const KvPage* pages [[buffer(7)]],
                device float* query [[buffer(8)]],
                uint2 group [[threadgroup_position_in_grid]],
                uint lane [[thread_index_in_simdgroup]],
                uint simd [[simdgroup_index_in_threadgroup]]) {
  const uint head = group.x / 4;
  const uint i = group.x % 4 * 8 + simd * 2;  // first of the four dimensions
  const uint row = head * kHeadDim + i;
  DenseRows rows = dense_rows(weights, scales, args.hidden, row);
  rows.step[2] = 32;
  rows.step[3] = 33;
  float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  norm_dense_dot<kLanes>(rows, residual + ulong(group.y) * args.hidden, norm, args.eps, lane, sums);

  const float2 first = float2{sums[0] + bias[row], sums[1] + bias[row + 1]};
  const float2 second = float2{sums[2] + bias[row + 32], sums[3] + bias[row + 33]};
  float4 result = float4{first.x, first.y, second.x, second.y};
  if (head < args.heads + args.kv_heads) {  // a query or key: rotate
    device const float* cosines = angles + group.y * kHeadDim;
    const float2 c = float2{cosines[i], cosines[i + 1]};
    const float2 s = float2{cosines[i + 32], cosines[i + 33]};
    const float2 low = first * c - second * s;
    const float2 high = second * c + first * s;
    result = float4{low.x, low.y, high.x, high.y};
  }
  if (lane >= 4) {
    return;
  }
  // Lane r writes row r of the four.
  const float value = chosen_value(result, lane);
  const uint dim = i + lane % 2 + lane / 2 * 32;
  if (head < args.heads) {
    query[(group.y * args.heads + head) * kHeadDim + dim] = value * 0.125f;
    return;
  }
  const uint slot = (args.start + group.y) % args.ring;
  const bool is_key = head < args.heads + args.kv_heads;
  const uint kv_head = head - args.heads - (is_key ? 0 : args.kv_heads);
  const uint index = key_index(kv_head, slot) + (is_key ? 0 : kKeyToValue) + dim;
  kv_store(page_of(pages, slot), index, value);
}
