// Prefill: rotates queries and keys by their positions and puts keys and values into the cache.
//
// qkv     float [count, (heads + 2 * kv_heads) * 64]: queries, keys, values, biases included
// angles  float [count, 2, 32]: cosine and sine of each rotated pair, YaRN's factor included
// pages   the layer's page table; K and V of token t are written to slot (start + t) % ring, as
//         half (saturating) or float (exact)
// query   float [count, heads * 64], written: rotated and times 1/8, the scale of attention
//
// Grid: x = tokens; 256 threads, no threadgroup memory. A thread takes four rotated pairs (i, i +
// 32) of a head at a time, or four values.
#include "metal/common.h"

// Four numbers at `index`, a multiple of 4, of a page.
GPTOSS_INLINE void store_kv4(device void* page, uint index, float4 v) {
  if (kExact) {
    ((device float4*)page)[index / 4] = v;
  } else {
    ((device half4*)page)[index / 4] =
        half4{saturated_half(v.x), saturated_half(v.y), saturated_half(v.z), saturated_half(v.w)};
  }
}

kernel void rope(constant RopeArgs& args [[buffer(0)]],
                 device const float* qkv [[buffer(1)]],
                 device const float* angles [[buffer(2)]],
                 device const KvPage* pages [[buffer(3)]],
                 device float* query [[buffer(4)]],
                 uint group [[threadgroup_position_in_grid]],
                 uint thread_index [[thread_index_in_threadgroup]]) {
  constexpr uint kQuads = kHeadDim / 4;
  const uint slot = (args.start + group) % args.ring;
  device void* page = page_of(pages, slot);
  const uint rotated = args.heads + args.kv_heads;
  device const float4* source =
      (device const float4*)qkv + ulong(group) * (rotated + args.kv_heads) * kQuads;
  device const float4* cosines = (device const float4*)angles + ulong(group) * kQuads;
  device float4* target = (device float4*)query + ulong(group) * args.heads * kQuads;

  for (uint unit = thread_index; unit < rotated * 8; unit += GPTOSS_ROPE_THREADS) {
    const uint head = unit / 8;
    const uint i = unit % 8;
    const float4 first = source[head * kQuads + i];
    const float4 second = source[head * kQuads + i + 8];
    const float4 c = cosines[i];
    const float4 s = cosines[i + 8];
    const float4 low = first * c - second * s;
    const float4 high = second * c + first * s;
    if (head < args.heads) {
      target[head * kQuads + i] = low * 0.125f;
      target[head * kQuads + i + 8] = high * 0.125f;
    } else {
      const uint index = key_index(head - args.heads, slot) + 4 * i;
      store_kv4(page, index, low);
      store_kv4(page, index + 32, high);
    }
  }
  for (uint unit = thread_index; unit < args.kv_heads * kQuads; unit += GPTOSS_ROPE_THREADS) {
    const uint index = key_index(unit / kQuads, slot) + kKeyToValue + unit % kQuads * 4;
    store_kv4(page, index, source[rotated * kQuads + unit]);
  }
}
