// Prefill: the weighted sum of each token's experts, added to the residual stream.
//
// outputs   float [count * top_k, hidden]: each pair's result of grouped_down
// weights   float [count, top_k]: the experts' shares
// residual  float [count, hidden], added to
//
// Grid: x = 256 columns, y = tokens; 256 threads, one column each. Accumulates in float, in the
// order of the choices.
#include "metal/common.h"

kernel void mix(constant MixArgs& args [[buffer(0)]],
                device const float* outputs [[buffer(1)]],
                device const float* weights [[buffer(2)]],
                device float* residual [[buffer(3)]],
                uint2 group [[threadgroup_position_in_grid]],
                uint thread_index [[thread_index_in_threadgroup]]) {
  const uint col = group.x * GPTOSS_MIX_THREADS + thread_index;
  if (col >= args.hidden) {
    return;
  }
  const ulong index = ulong(group.y) * args.hidden + col;
  float sum = residual[index];
  for (uint j = 0; j < args.top_k; ++j) {
    const uint pair = group.y * args.top_k + j;
    sum = fma(weights[pair], outputs[ulong(pair) * args.hidden + col], sum);
  }
  residual[index] = sum;
}
