// RMS norm of whole rows, for prefill: normed = residual / rms(residual) * norm.
//
// residual  float [count, hidden]
// norm      float [hidden]
// normed    float [count, hidden], written
//
// Grid: x = tokens; 256 threads. Threadgroup memory: one float per simdgroup (the sum of squares of
// its values). Accumulates in float: each thread every 256th group of 4 columns, then the lanes,
// then the simdgroups in order.
#include "metal/common.h"

kernel void norm_rows(constant NormArgs& args [[buffer(0)]],
                      device const float* residual [[buffer(1)]],
                      device const float* norm [[buffer(2)]],
                      device float* normed [[buffer(3)]],
                      threadgroup float* squares [[threadgroup(0)]],
                      uint token [[threadgroup_position_in_grid]],
                      uint thread_index [[thread_index_in_threadgroup]],
                      uint lane [[thread_index_in_simdgroup]],
                      uint simd [[simdgroup_index_in_threadgroup]]) {
  const ulong row = ulong(token) * (args.hidden / 4);
  device const float4* x4 = (device const float4*)residual + row;
  device const float4* norm4 = (device const float4*)norm;
  device float4* y4 = (device float4*)normed + row;
  float4 square = float4(0.0f);
  for (uint i = thread_index; i < args.hidden / 4; i += GPTOSS_NORM_THREADS) {
    const float4 v = x4[i];
    square = fma(v, v, square);
  }
  const float sum = simd_sum((square.x + square.y) + (square.z + square.w));
  if (lane == 0) {
    squares[simd] = sum;
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  float total = 0.0f;
  for (uint i = 0; i < GPTOSS_NORM_THREADS / kLanes; ++i) {
    total += squares[i];
  }
  const float factor = rsqrt(total / float(args.hidden) + args.eps);
  for (uint i = thread_index; i < args.hidden / 4; i += GPTOSS_NORM_THREADS) {
    y4[i] = x4[i] * factor * norm4[i];
  }
}
