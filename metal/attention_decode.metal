// Attention of a few new tokens over the KV cache: softmax of q·k with one sink logit per head,
// times the values. Long contexts are cut into `splits` parts that attention_merge puts together.
//
// query     float [count, heads * 64]: rotated, times 1/8
// sinks     float [heads]: one more logit of each head's softmax, without a value
// pages     the layer's page table; slot = position % ring (a multiple of 64)
// attended  float [count, heads * 64], written if splits = 1
// partials  float [count, heads, splits, 66], written if splits > 1: highest logit m, sum l of
//           exp(logit - m), sum of exp(logit - m) * value [64]. Only the first split counts the
//           sink. A split without positions writes m = the lowest float, l = 0 and zeros.
//
// Grid: x = key-value head, y = split, z = token; 256 threads. The threadgroup serves all query
// heads of its key-value head, 8 at a time, so each key and value is loaded once for 8 heads.
//
// Positions are taken in tiles of 32 at multiples of 32, which lie in one page and never wrap. The
// 8 simdgroups take turns and keep their own softmax state:
// - Scores: lane l holds 8 dimensions, from l % 8 * 8, of the keys of positions l / 8 + 4 * step; a
//   transposing sum over 8 lanes leaves it the logit of head l % 8. Per 4 positions: 1 load of 16
//   bytes, 64 FMA, 28 operations to add up, 10 for the softmax and the address.
// - Values: lane l holds 4 dimensions, from l % 16 * 4, of the values of positions l / 16 + 2 * i,
//   for 8 heads. Per 2 positions: 1 load of 8 bytes, 2 of the weights, 32 FMA, 7 for the address.
// That is 47 operations and loads per position and lane for 256 bytes of cache, 5.9 lane operations
// per byte, where a shader core has 13 to 17 per byte of bandwidth.
// Threadgroup memory: float [8 simdgroups, 528]: the tile's weights [32, 8] and the factors [8] by
// which older sums shrink; at the end the state, sums [8 heads, 64], m [8] and l [8]. Accumulates
// in float.
#include "metal/common.h"

constant constexpr uint kHeadTile = 8;   // query heads computed together
constant constexpr uint kTile = 32;      // positions
constant constexpr uint kSteps = 8;      // of 4 positions each
constant constexpr uint kSlice = 528;    // floats of threadgroup memory per simdgroup
constant constexpr uint kFactors = 256;  // in a slice, while tiles are computed
constant constexpr uint kHighest = 512;  // in a slice, at the end: m of each head
constant constexpr uint kSum = 520;      // and l
constant constexpr uint kSimds = GPTOSS_ATTENTION_THREADS / kLanes;

// What a lane knows of the positions so far.
struct Attention {
  float4 sums[kHeadTile];  // weighted values of 8 heads, 4 dimensions, every second position
  float highest;           // logit of head lane % 8
  float sum;               // of the weights of head lane % 8, every fourth position
};

// The part of a tile that this split may see, and where it lies.
struct Tile {
  device const void* page;
  uint index;  // in elements, of the first position's key
  uint first;  // offset of the first visible position, 0 … 31
  uint last;   // and of the last one
};

// Lane l of 8 gets the sum over these lanes of v[l % 8]: each step sends half of what is left.
GPTOSS_INLINE float transposed_sum(thread float* v, uint lane) {
  const bool upper4 = (lane & 4) != 0;
  float a[4];
  GPTOSS_UNROLL
  for (uint i = 0; i < 4; ++i) {
    const float sent = upper4 ? v[i] : v[i + 4];
    a[i] = (upper4 ? v[i + 4] : v[i]) + simd_shuffle_xor(sent, ushort(4));
  }
  const bool upper2 = (lane & 2) != 0;
  float b[2];
  GPTOSS_UNROLL
  for (uint i = 0; i < 2; ++i) {
    const float sent = upper2 ? a[i] : a[i + 2];
    b[i] = (upper2 ? a[i + 2] : a[i]) + simd_shuffle_xor(sent, ushort(2));
  }
  const bool upper1 = (lane & 1) != 0;
  return (upper1 ? b[1] : b[0]) + simd_shuffle_xor(upper1 ? b[0] : b[1], ushort(1));
}

GPTOSS_INLINE float dot4(float4 a, float4 b, float sum) {
  sum = fma(a.x, b.x, sum);
  sum = fma(a.y, b.y, sum);
  sum = fma(a.z, b.z, sum);
  return fma(a.w, b.w, sum);
}

// Logits of the tile's positions step * 4 + lane / 8 for head lane % 8; those that are not visible
// get the lowest float (their loads go to a visible position, so that nothing unwritten is read).
GPTOSS_INLINE void tile_logits(thread const Tile& tile,
                               device const float4* query,
                               uint heads,
                               uint lane,
                               thread float* logits) {
  float4 q[kHeadTile][2];  // of 8 heads, this lane's 8 dimensions
  GPTOSS_UNROLL
  for (uint h = 0; h < kHeadTile; ++h) {
    const uint head = min(h, heads - 1);
    q[h][0] = query[head * (kHeadDim / 4) + lane % 8 * 2];
    q[h][1] = query[head * (kHeadDim / 4) + lane % 8 * 2 + 1];
  }
  GPTOSS_UNROLL
  for (uint step = 0; step < kSteps; ++step) {
    const uint offset = step * 4 + lane / 8;
    const uint visible = clamp(offset, tile.first, tile.last);
    const uint index = tile.index + visible * kHeadDim + lane % 8 * 8;
    float4 low;
    float4 high;
    kv_load8(tile.page, index, low, high);
    float sums[kHeadTile];
    GPTOSS_UNROLL
    for (uint h = 0; h < kHeadTile; ++h) {
      sums[h] = dot4(q[h][1], high, dot4(q[h][0], low, 0.0f));
    }
    const float logit = transposed_sum(sums, lane);
    logits[step] = offset == visible ? logit : kLowest;
  }
}

// Turns the logits into weights (in the slice, [position, head]) and updates the state.
GPTOSS_INLINE void tile_weights(thread const Tile& tile,
                                thread const float* logits,
                                uint lane,
                                threadgroup float* slice,
                                thread Attention& state) {
  float highest = state.highest;
  GPTOSS_UNROLL
  for (uint step = 0; step < kSteps; ++step) {
    highest = max(highest, logits[step]);
  }
  highest = max(highest, simd_shuffle_xor(highest, ushort(8)));
  highest = max(highest, simd_shuffle_xor(highest, ushort(16)));
  const float factor = exp(state.highest - highest);
  float sum = state.sum * factor;
  GPTOSS_UNROLL
  for (uint step = 0; step < kSteps; ++step) {
    const uint offset = step * 4 + lane / 8;
    const bool visible = offset >= tile.first && offset <= tile.last;
    const float weight = visible ? exp(logits[step] - highest) : 0.0f;
    sum += weight;
    slice[step * kLanes + lane] = weight;
  }
  if (lane < kHeadTile) {
    slice[kFactors + lane] = factor;
  }
  state.highest = highest;
  state.sum = sum;
}

// Adds the tile's values, times their weights, to the state.
GPTOSS_INLINE void tile_values(thread const Tile& tile,
                               uint lane,
                               threadgroup const float* slice,
                               thread Attention& state) {
  GPTOSS_UNROLL
  for (uint h = 0; h < kHeadTile; ++h) {
    state.sums[h] *= slice[kFactors + h];
  }
  threadgroup const float4* weights = (threadgroup const float4*)slice;
  for (uint i = tile.first / 2; i <= tile.last / 2; ++i) {
    const uint offset = i * 2 + lane / 16;
    const uint visible = clamp(offset, tile.first, tile.last);
    const uint index = tile.index + kKeyToValue + visible * kHeadDim + lane % 16 * 4;
    const float4 value = kv_load(tile.page, index);
    const float4 low = weights[offset * 2];
    const float4 high = weights[offset * 2 + 1];
    state.sums[0] = fma(float4(low.x), value, state.sums[0]);
    state.sums[1] = fma(float4(low.y), value, state.sums[1]);
    state.sums[2] = fma(float4(low.z), value, state.sums[2]);
    state.sums[3] = fma(float4(low.w), value, state.sums[3]);
    state.sums[4] = fma(float4(high.x), value, state.sums[4]);
    state.sums[5] = fma(float4(high.y), value, state.sums[5]);
    state.sums[6] = fma(float4(high.z), value, state.sums[6]);
    state.sums[7] = fma(float4(high.w), value, state.sums[7]);
  }
}

// Adds up what the lanes hold and writes it to the slice.
GPTOSS_INLINE void write_state(thread Attention& state, uint lane, threadgroup float* slice) {
  float sum = state.sum + simd_shuffle_xor(state.sum, ushort(8));
  sum += simd_shuffle_xor(sum, ushort(16));
  if (lane < kHeadTile) {
    slice[kHighest + lane] = state.highest;
    slice[kSum + lane] = sum;
  }
  GPTOSS_UNROLL
  for (uint h = 0; h < kHeadTile; ++h) {
    float4 v = state.sums[h];
    v.x += simd_shuffle_xor(v.x, ushort(16));
    v.y += simd_shuffle_xor(v.y, ushort(16));
    v.z += simd_shuffle_xor(v.z, ushort(16));
    v.w += simd_shuffle_xor(v.w, ushort(16));
    if (lane < 16) {
      ((threadgroup float4*)slice)[h * (kHeadDim / 4) + lane] = v;
    }
  }
}

// Head `head` of the tile: puts the simdgroups' states together and writes the result, two
// dimensions per lane. `result` is the head's 64 outputs, or its 66 partials if `splits` > 1.
GPTOSS_INLINE void write_head(
    threadgroup const float* shared, uint head, uint lane, uint splits, device float* result) {
  float highest = kLowest;
  for (uint s = 0; s < kSimds; ++s) {
    highest = max(highest, shared[s * kSlice + kHighest + head]);
  }
  float sum = 0.0f;
  float2 value = float2(0.0f);
  for (uint s = 0; s < kSimds; ++s) {
    threadgroup const float* slice = shared + s * kSlice;
    const float weight = exp(slice[kHighest + head] - highest);
    sum = fma(weight, slice[kSum + head], sum);
    value.x = fma(weight, slice[head * kHeadDim + lane], value.x);
    value.y = fma(weight, slice[head * kHeadDim + lane + kLanes], value.y);
  }
  if (splits == 1) {
    result[lane] = value.x / sum;
    result[lane + kLanes] = value.y / sum;
    return;
  }
  if (lane == 0) {
    result[0] = highest;
    result[1] = sum;
  }
  result[2 + lane] = value.x;
  result[2 + lane + kLanes] = value.y;
}

kernel void attention_decode(constant AttentionArgs& args [[buffer(0)]],
                             device const float* query [[buffer(1)]],
                             device const float* sinks [[buffer(2)]],
                             device const KvPage* pages [[buffer(3)]],
                             device float* attended [[buffer(4)]],
                             device float* partials [[buffer(5)]],
                             threadgroup float* shared [[threadgroup(0)]],
                             uint3 group [[threadgroup_position_in_grid]],
                             uint lane [[thread_index_in_simdgroup]],
                             uint simd [[simdgroup_index_in_threadgroup]]) {
  const uint token = group.z;
  const uint end = args.start + token + 1;
  const uint begin = end > args.window ? end - args.window : 0;
  // The split's tiles of 32 positions.
  const uint tiles = (end + kTile - 1) / kTile - begin / kTile;
  const uint share = (tiles + args.splits - 1) / args.splits;
  const uint first_tile = begin / kTile + min(group.y * share, tiles);
  const uint end_tile = begin / kTile + min((group.y + 1) * share, tiles);

  const uint heads_per_kv = args.heads / args.kv_heads;
  threadgroup float* slice = shared + simd * kSlice;
  for (uint first_head = 0; first_head < heads_per_kv; first_head += kHeadTile) {
    const uint heads = min(kHeadTile, heads_per_kv - first_head);
    const uint head = group.x * heads_per_kv + first_head;  // of this tile, the first
    const uint query_head = token * args.heads + head;
    device const float4* q = (device const float4*)query + query_head * (kHeadDim / 4);

    Attention state;
    GPTOSS_UNROLL
    for (uint h = 0; h < kHeadTile; ++h) {
      state.sums[h] = float4(0.0f);
    }
    const bool has_sink = group.y == 0 && simd == 0 && lane % kHeadTile < heads;
    state.highest = has_sink ? sinks[head + lane % kHeadTile] : kLowest;
    state.sum = has_sink && lane < kHeadTile ? 1.0f : 0.0f;

    for (uint t = first_tile + simd; t < end_tile; t += kSimds) {
      const uint position = t * kTile;
      const uint slot = position % args.ring;
      Tile tile;
      tile.page = page_of(pages, slot);
      tile.index = key_index(group.x, slot);
      tile.first = max(begin, position) - position;
      tile.last = min(end - position, kTile) - 1;
      float logits[kSteps];
      tile_logits(tile, q, heads, lane, logits);
      tile_weights(tile, logits, lane, slice, state);
      simdgroup_barrier(mem_flags::mem_threadgroup);
      tile_values(tile, lane, slice, state);
      simdgroup_barrier(mem_flags::mem_threadgroup);
    }
    write_state(state, lane, slice);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (simd < heads) {  // simdgroup s finishes head s
      device float* result = attended + (query_head + simd) * kHeadDim;
      if (args.splits > 1) {
        const ulong partial = ulong(query_head + simd) * args.splits + group.y;
        result = partials + partial * (kHeadDim + 2);
      }
      write_head(shared, simd, lane, args.splits, result);
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
}
