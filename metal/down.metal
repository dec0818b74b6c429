// The chosen experts' second matrix with bias, their weighted sum, and the residual stream.
//
// gated     float [count, top_k, cols]
// chosen    uint [count, top_k]: the experts of each token
// weights   float [count, top_k]: their shares
// blocks    MXFP4 codes [experts, rows, cols / 32, 16 bytes]
// scales    E8M0 [experts, rows, cols / 32]
// bias      float [experts, rows]
// residual  float [count, rows], added to
//
// Grid: x = 8 rows, y = tokens; 128 threads. The 4 simdgroups compute the same 8 rows of different
// experts (simdgroup s: choices s, s + 4), each half of a simdgroup four of them. Threadgroup
// memory: float [top_k, 8], the products; 8 threads add them up in the order of the choices.
// Accumulates in float. Lanes and operations per weight: mxfp4.h.
#include "metal/mxfp4.h"

kernel void down(constant ExpertArgs& args [[buffer(0)]],
                 device const float* gated [[buffer(1)]],
                 device const uint* chosen [[buffer(2)]],
                 device const float* weights [[buffer(3)]],
                 device const uint4* blocks [[buffer(4)]],
                 device const uchar* scales [[buffer(5)]],
                 device const float* bias [[buffer(6)]],
                 device float* residual [[buffer(7)]],
                 threadgroup float* products [[threadgroup(0)]],
                 uint2 group [[threadgroup_position_in_grid]],
                 uint thread_index [[thread_index_in_threadgroup]],
                 uint lane [[thread_index_in_simdgroup]],
                 uint simd [[simdgroup_index_in_threadgroup]]) {
  const uint first = group.x * GPTOSS_DOWN_ROWS;
  const uint half_row = lane / 16 * 4;
  for (uint j = simd; j < args.top_k; j += GPTOSS_DOWN_THREADS / kLanes) {
    const uint pair = group.y * args.top_k + j;
    const ulong expert_row = ulong(chosen[pair]) * args.rows + first + half_row;
    const ulong block = expert_row * (args.cols / 32);
    float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    mxfp4_dot(blocks + block, scales + block, gated + ulong(pair) * args.cols, args.cols, lane,
              sums);
    GPTOSS_UNROLL
    for (uint r = 0; r < 4; ++r) {
      if (lane % 16 == r) {
        products[j * GPTOSS_DOWN_ROWS + half_row + r] = sums[r];
      }
    }
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (thread_index >= GPTOSS_DOWN_ROWS) {
    return;
  }
  const uint row = first + thread_index;
  float sum = residual[ulong(group.y) * args.rows + row];
  for (uint j = 0; j < args.top_k; ++j) {
    const uint pair = group.y * args.top_k + j;
    const float b = bias[ulong(chosen[pair]) * args.rows + row];
    sum = fma(weights[pair], products[j * GPTOSS_DOWN_ROWS + thread_index] + b, sum);
  }
  residual[ulong(group.y) * args.rows + row] = sum;
}
