// The chosen experts' first matrix with bias, and SwiGLU.
//
// normed  float [count, cols]
// chosen  uint [count, top_k]: the experts of each token
// blocks  MXFP4 codes [experts, rows, cols / 32, 16 bytes]; even rows are gates, odd rows ups
// scales  E8M0 [experts, rows, cols / 32]
// bias    float [experts, rows]
// gated   float [count, top_k, rows / 2], written: gate * sigmoid(1.702 * gate) * (up + 1), with
//         gate at most `limit` and up within ±limit
//
// Grid: x = 32 rows, y = chosen expert, z = tokens; 128 threads, no threadgroup memory. A simdgroup
// computes 8 rows, each half of it two pairs of gate and up. Accumulates in float. Lanes and
// operations per weight: mxfp4.h.
#include "metal/mxfp4.h"
#include "metal/swiglu.h"

kernel void gate_up(constant ExpertArgs& args [[buffer(0)]],
                    device const float* normed [[buffer(1)]],
                    device const uint* chosen [[buffer(2)]],
                    device const uint4* blocks [[buffer(3)]],
                    device const uchar* scales [[buffer(4)]],
                    device const float* bias [[buffer(5)]],
                    device float* gated [[buffer(6)]],
                    uint3 group [[threadgroup_position_in_grid]],
                    uint lane [[thread_index_in_simdgroup]],
                    uint simd [[simdgroup_index_in_threadgroup]]) {
  const uint pair = group.z * args.top_k + group.y;
  const uint row = group.x * GPTOSS_GATE_UP_ROWS + simd * 8 + lane / 16 * 4;
  const ulong expert_row = ulong(chosen[pair]) * args.rows + row;
  const ulong block = expert_row * (args.cols / 32);
  float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  mxfp4_dot(blocks + block, scales + block, normed + ulong(group.z) * args.cols, args.cols, lane,
            sums);
  device const float* b = bias + expert_row;
  device float* result = gated + (ulong(pair) * args.rows + row) / 2;
  if (lane % 16 == 0) {
    result[0] = swiglu(sums[0] + b[0], sums[1] + b[1], args.limit);
  } else if (lane % 16 == 1) {
    result[1] = swiglu(sums[2] + b[2], sums[3] + b[3], args.limit);
  }
}
