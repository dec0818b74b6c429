// RMS norm, the router's logits, the top_k experts and the softmax over their logits.
//
// residual  float [count, hidden]
// norm      float [hidden]
// router    bf16 bits [experts, hidden]
// bias      float [experts]
// normed    float [count, hidden], written: the experts' input
// chosen    uint [count, top_k], written: best first; among equal logits the lower expert
// weights   float [count, top_k], written: softmax over the chosen logits
//
// Grid: x = tokens; 1024 threads. At most 128 experts and top_k <= 32.
// A simdgroup computes 4 experts; with fewer than 128, several simdgroups share these 4 and take
// turns in chunks of 8 columns (2880 columns are 360 chunks: for 32 experts 3 passes over 4 * 32
// lanes, 94 % used). Threadgroup memory: float [32], each simdgroup's sum of squares, then
// float [parts, experts rounded up to 4] <= [128], its sums. The norm's factor is applied after the
// sums, so there is one barrier. Accumulates in float.
#include "metal/common.h"

constant constexpr uint kRouterSimds = GPTOSS_ROUTER_THREADS / kLanes;
constant constexpr uint kExpertsPerLane = 4;  // 128 experts over the lanes of one simdgroup

// Every thread adds up the squares of every 1024th group of 4 columns.
GPTOSS_INLINE float sum_of_squares(device const float4* x4, uint count, uint thread_index) {
  float4 square = float4(0.0f);
  for (uint i = thread_index; i < count; i += GPTOSS_ROUTER_THREADS) {
    square = fma(x4[i], x4[i], square);
  }
  return simd_sum((square.x + square.y) + (square.z + square.w));
}

// Experts first … first + 3 (those past the last as if they were the last): sums of x * norm times
// their rows over chunks `chunk`, `chunk` + step, …
GPTOSS_INLINE void router_dot(device const uint4* router,
                              device const float4* x4,
                              device const float4* norm4,
                              uint chunks,
                              uint first,
                              uint experts,
                              uint chunk,
                              uint step,
                              thread float* sums) {
  for (uint c = chunk; c < chunks; c += step) {
    const float4 a = x4[2 * c] * norm4[2 * c];
    const float4 b = x4[2 * c + 1] * norm4[2 * c + 1];
    GPTOSS_UNROLL
    for (uint r = 0; r < 4; ++r) {
      const uint4 words = router[min(first + r, experts - 1) * chunks + c];
      const float2 w01 = bf16_pair(words.x);
      const float2 w23 = bf16_pair(words.y);
      const float2 w45 = bf16_pair(words.z);
      const float2 w67 = bf16_pair(words.w);
      float sum = sums[r];
      sum = fma(w01.x, a.x, sum);
      sum = fma(w01.y, a.y, sum);
      sum = fma(w23.x, a.z, sum);
      sum = fma(w23.y, a.w, sum);
      sum = fma(w45.x, b.x, sum);
      sum = fma(w45.y, b.y, sum);
      sum = fma(w67.x, b.z, sum);
      sum = fma(w67.y, b.w, sum);
      sums[r] = sum;
    }
  }
  GPTOSS_UNROLL
  for (uint r = 0; r < 4; ++r) {
    sums[r] = simd_sum(sums[r]);
  }
}

// One simdgroup picks the best experts: lane l holds the logits of experts l, l + 32, …
// A NaN or -inf counts as the lowest finite logit, so that every choice is an expert.
GPTOSS_INLINE void choose(
    thread float* logits, uint top_k, uint lane, device uint* chosen, device float* weights) {
  float first = 0.0f;  // highest logit of all
  float mine = -INFINITY;
  for (uint j = 0; j < top_k; ++j) {
    float best = logits[0];
    GPTOSS_UNROLL
    for (uint i = 1; i < kExpertsPerLane; ++i) {
      best = max(best, logits[i]);
    }
    const float highest = simd_max(best);
    uint candidate = 0xffffffffu;
    GPTOSS_UNROLL
    for (uint i = kExpertsPerLane; i > 0; --i) {
      candidate = logits[i - 1] == highest ? (i - 1) * kLanes + lane : candidate;
    }
    const uint expert = simd_min(candidate);
    GPTOSS_UNROLL
    for (uint i = 0; i < kExpertsPerLane; ++i) {
      logits[i] = i * kLanes + lane == expert ? -INFINITY : logits[i];
    }
    first = j == 0 ? highest : first;
    if (lane == j) {
      mine = highest;
      chosen[j] = expert;
    }
  }
  const float power = exp(mine - first);  // 0 in lanes without a choice
  const float sum = simd_sum(power);
  if (lane < top_k) {
    weights[lane] = power / sum;
  }
}

kernel void router(constant RouterArgs& args [[buffer(0)]],
                   device const float* residual [[buffer(1)]],
                   device const float* norm [[buffer(2)]],
                   device const uint4* router_rows [[buffer(3)]],
                   device const float* bias [[buffer(4)]],
                   device float* normed [[buffer(5)]],
                   device uint* chosen [[buffer(6)]],
                   device float* weights [[buffer(7)]],
                   threadgroup float* shared [[threadgroup(0)]],
                   uint token [[threadgroup_position_in_grid]],
                   uint thread_index [[thread_index_in_threadgroup]],
                   uint lane [[thread_index_in_simdgroup]],
                   uint simd [[simdgroup_index_in_threadgroup]]) {
  threadgroup float* squares = shared;
  threadgroup float* partial = shared + kRouterSimds;
  const ulong row = ulong(token) * (args.hidden / 4);
  device const float4* x4 = (device const float4*)residual + row;
  device const float4* norm4 = (device const float4*)norm;
  device float4* normed4 = (device float4*)normed + row;

  const float square = sum_of_squares(x4, args.hidden / 4, thread_index);
  if (lane == 0) {
    squares[simd] = square;
  }
  const uint tiles = (args.experts + 3) / 4;
  const uint parts = kRouterSimds / tiles;
  if (simd < tiles * parts) {
    const uint part = simd / tiles;
    const uint first = simd % tiles * 4;
    float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    router_dot(router_rows, x4, norm4, args.hidden / 8, first, args.experts, part * kLanes + lane,
               parts * kLanes, sums);
    GPTOSS_UNROLL
    for (uint r = 0; r < 4; ++r) {
      if (lane == r) {
        partial[part * tiles * 4 + first + r] = sums[r];
      }
    }
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);

  const float factor = rsqrt(simd_sum(squares[lane]) / float(args.hidden) + args.eps);
  for (uint i = thread_index; i < args.hidden / 4; i += GPTOSS_ROUTER_THREADS) {
    normed4[i] = x4[i] * factor * norm4[i];
  }
  if (simd != 0) {
    return;
  }
  float logits[kExpertsPerLane];
  GPTOSS_UNROLL
  for (uint i = 0; i < kExpertsPerLane; ++i) {
    const uint expert = i * kLanes + lane;
    logits[i] = -INFINITY;
    if (expert < args.experts) {
      float sum = 0.0f;
      for (uint part = 0; part < parts; ++part) {
        sum += partial[part * tiles * 4 + expert];
      }
      const float logit = fma(sum, factor, bias[expert]);
      logits[i] = logit > kLowest ? logit : kLowest;  // false for NaN, unlike max in fast variants
    }
  }
  choose(logits, args.top_k, lane, chosen + token * args.top_k, weights + token * args.top_k);
}
