// Final RMS norm and the unembedding: the logits.
//
// residual  float [count, hidden]
// norm      float [hidden]
// weights   q8: int8 [vocab, hidden], or bf16 bits
// scales    q8: half [vocab, hidden / 32]
// logits    float [count, vocab], written
//
// Grid: x = 64 rows (the last may be partial), y = tokens; 256 threads, no threadgroup memory. Each
// half of a simdgroup computes 4 rows: the activations that one half loads are those of the other,
// and the norm's products are shared by 4 rows. Accumulates in float. Operations per weight:
// dense.h.
#include "metal/dense.h"

kernel void unembed(constant UnembedArgs& args [[buffer(0)]],
                    device const float* residual [[buffer(1)]],
                    device const float* norm [[buffer(2)]],
                    device const uint4* weights [[buffer(3)]],
                    device const half* scales [[buffer(4)]],
                    device float* logits [[buffer(5)]],
                    uint2 group [[threadgroup_position_in_grid]],
                    uint lane [[thread_index_in_simdgroup]],
                    uint simd [[simdgroup_index_in_threadgroup]]) {
  const uint row = group.x * GPTOSS_UNEMBED_ROWS + simd * 8 + lane / 16 * 4;
  const uint last = args.vocab - 1;  // rows past it are computed as if they were the last
  const uint first = min(row, last);
  DenseRows rows = dense_rows(weights, scales, args.hidden, first);
  GPTOSS_UNROLL
  for (uint r = 0; r < 4; ++r) {
    rows.step[r] = min(row + r, last) - first;
  }
  float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  norm_dense_dot<16>(rows, residual + ulong(group.y) * args.hidden, norm, args.eps, lane, sums);
  GPTOSS_UNROLL
  for (uint r = 0; r < 4; ++r) {
    if (lane % 16 == r && row + r <= last) {
      logits[ulong(group.y) * args.vocab + row + r] = sums[r];
    }
  }
}
