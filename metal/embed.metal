// The token embedding, widened to the residual stream.
//
// rows      bf16 bits [count, hidden]: the embedding row of each token
// residual  float [count, hidden], written
//
// Grid: x = hidden / 256 rounded up, y = tokens; 256 threads, one value each.
#include "metal/common.h"

kernel void embed(constant EmbedArgs& args [[buffer(0)]],
                  device const ushort* rows [[buffer(1)]],
                  device float* residual [[buffer(2)]],
                  uint2 group [[threadgroup_position_in_grid]],
                  uint thread_index [[thread_index_in_threadgroup]]) {
  const uint column = group.x * GPTOSS_EMBED_THREADS + thread_index;
  if (column < args.hidden) {
    const ulong i = ulong(group.y) * args.hidden + column;
    residual[i] = bf16_to_float(rows[i]);
  }
}
