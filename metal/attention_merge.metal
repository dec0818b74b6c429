// Puts the splits of attention_decode together: the softmax over all of them.
//
// partials  float [count, heads, splits, 66]: highest logit, sum of weights, weighted values [64]
// attended  float [count, heads * 64], written
//
// Grid: x = query head, y = token; 64 threads, one dimension each; no threadgroup memory. Adds the
// splits in order, in float.
#include "metal/common.h"

kernel void attention_merge(constant AttentionArgs& args [[buffer(0)]],
                            device const float* partials [[buffer(1)]],
                            device float* attended [[buffer(2)]],
                            uint2 group [[threadgroup_position_in_grid]],
                            uint dim [[thread_index_in_threadgroup]]) {
  const uint head = group.y * args.heads + group.x;
  device const float* first = partials + ulong(head) * args.splits * (kHeadDim + 2);
  float highest = kLowest;
  for (uint s = 0; s < args.splits; ++s) {
    highest = max(highest, first[s * (kHeadDim + 2)]);
  }
  float sum = 0.0f;
  float value = 0.0f;
  for (uint s = 0; s < args.splits; ++s) {
    device const float* split = first + s * (kHeadDim + 2);
    const float weight = exp(split[0] - highest);
    sum = fma(weight, split[1], sum);
    value = fma(weight, split[2 + dim], value);
  }
  attended[head * kHeadDim + dim] = value / sum;
}
