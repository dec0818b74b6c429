// Output projection of the attention, with bias, added to the residual stream.
//
// attended  float [count, cols]: the heads' results
// weights   q8: int8 [rows, cols], or bf16 bits
// scales    q8: half [rows, cols / 32]
// bias      float [rows]
// residual  float [count, rows], added to
//
// Grid: x = 16 rows, y = tokens; 128 threads, no threadgroup memory; a simdgroup computes 4 rows.
// Accumulates in float. Lanes and operations per weight: dense.h.
#include "metal/dense.h"

kernel void out(constant MatmulArgs& args [[buffer(0)]],
                device const float* attended [[buffer(1)]],
                device const uint4* weights [[buffer(2)]],
                device const half* scales [[buffer(3)]],
                device const float* bias [[buffer(4)]],
                device float* residual [[buffer(5)]],
                uint2 group [[threadgroup_position_in_grid]],
                uint lane [[thread_index_in_simdgroup]],
                uint simd [[simdgroup_index_in_threadgroup]]) {
  const uint row = group.x * GPTOSS_OUT_ROWS + simd * 4;
  const DenseRows rows = dense_rows(weights, scales, args.cols, row);
  float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  dense_dot<kLanes>(rows, attended + ulong(group.y) * args.cols, lane, sums);
  GPTOSS_UNROLL
  for (uint r = 0; r < 4; ++r) {
    if (lane == r) {
      residual[ulong(group.y) * args.rows + row + r] += sums[r] + bias[row + r];
    }
  }
}
