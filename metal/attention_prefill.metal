// Prefill: attention of many new tokens over the KV cache: softmax of q·k with one sink logit per
// head, times the values, without ever storing the logits.
//
// query     float [count, heads * 64]: rotated, times 1/8
// sinks     float [heads]: one more logit of each head's softmax, without a value
// pages     the layer's page table; slot = position % ring (a multiple of 64)
// attended  float [count, heads * 64], written
//
// Grid: x = 64 queries, y = query head; 128 threads. Simdgroup s has queries 16 * s … + 15 as two
// blocks of 8, kept in registers with their outputs. Positions come in tiles of 32 (16 if exact) at
// multiples of that, which lie in one page and never wrap; all threads copy a tile's keys and
// values to threadgroup memory, and each 8x8 matrix read from there serves both blocks. Tiles that
// none of the 64 queries sees are not visited; a simdgroup skips those that its own 16 do not see,
// and masks only where the edge of its queries' view crosses the tile.
// A lane holds two columns of one query of every 8x8 matrix (matrix_row, matrix_column in tiles.h),
// so the highest logit and the sum of a query are in 4 lanes: l, l ^ 1, l ^ 8 and l ^ 9.
// Threadgroup memory: 9216 bytes: half keys [32, 64 + 8] and values [32, 64 + 8], or float
// [16, 64 + 4] of each (exact). Default precision rounds queries (saturating) and softmax weights
// to half; logits, softmax and sums are float.
#include "metal/tiles.h"

constant constexpr uint kQueryBlocks = GPTOSS_QUERY_TILE / 32;  // of 8 queries per simdgroup
constant constexpr uint kSimdQueries = kQueryBlocks * 8;
constant constexpr uint kHeadBlocks = kHeadDim / 8;

// What a simdgroup knows of its queries.
template <class T>
struct QueryState {
  simdgroup_matrix<T, 8, 8> query[kQueryBlocks][kHeadBlocks];
  simdgroup_float8x8 sums[kQueryBlocks][kHeadBlocks];  // of the weighted values
  float highest[kQueryBlocks];                         // logit of this lane's query so far
  float sum[kQueryBlocks];                             // of the weights in this lane's columns
};

// First position that the token at `position` sees.
GPTOSS_INLINE uint first_visible(uint position, uint window) {
  return position >= window ? position - window + 1 : 0;
}

GPTOSS_INLINE half query_value(float v, thread half&) { return saturated_half(v); }
GPTOSS_INLINE float query_value(float v, thread float&) { return v; }

// `first` is the simdgroup's first query; those beyond the last repeat it.
template <class T>
GPTOSS_INLINE void start_queries(constant AttentionArgs& args,
                                 device const float* query,
                                 float sink,
                                 uint head,
                                 uint first,
                                 uint lane,
                                 thread QueryState<T>& state) {
  GPTOSS_UNROLL
  for (uint b = 0; b < kQueryBlocks; ++b) {
    const uint token = min(first + 8 * b + matrix_row(lane), args.count - 1);
    device const float2* q =
        (device const float2*)(query + (ulong(token) * args.heads + head) * kHeadDim);
    GPTOSS_UNROLL
    for (uint d = 0; d < kHeadBlocks; ++d) {
      const float2 v = q[4 * d + matrix_column(lane) / 2];
      T kind;
      state.query[b][d].thread_elements()[0] = query_value(v.x, kind);
      state.query[b][d].thread_elements()[1] = query_value(v.y, kind);
      state.sums[b][d] = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
    }
    state.highest[b] = sink;
    state.sum[b] = matrix_column(lane) == 0 ? 1.0f : 0.0f;
  }
}

// Turns block b's logits [8, kPositions] into weights and updates the state. Query `token` sees
// positions begin … token's own; the tile's first position is `position`.
template <class T, uint kPositions>
GPTOSS_INLINE void weigh(constant AttentionArgs& args,
                         uint b,
                         uint token,
                         uint position,
                         bool masked,
                         uint lane,
                         thread simdgroup_float8x8* logits,
                         thread simdgroup_matrix<T, 8, 8>* weights,
                         thread QueryState<T>& state) {
  const uint own = args.start + token;
  const uint begin = first_visible(own, args.window);
  float highest = state.highest[b];
  GPTOSS_UNROLL
  for (uint n = 0; n < kPositions / 8; ++n) {
    GPTOSS_UNROLL
    for (uint e = 0; e < 2; ++e) {
      const uint p = position + 8 * n + matrix_column(lane) + e;
      if (masked && (p < begin || p > own)) {
        logits[n].thread_elements()[e] = kLowest;
      }
      highest = max(highest, logits[n].thread_elements()[e]);
    }
  }
  highest = max(highest, simd_shuffle_xor(highest, ushort(1)));
  highest = max(highest, simd_shuffle_xor(highest, ushort(8)));
  const float factor = exp(state.highest[b] - highest);
  float sum = state.sum[b] * factor;
  GPTOSS_UNROLL
  for (uint n = 0; n < kPositions / 8; ++n) {
    GPTOSS_UNROLL
    for (uint e = 0; e < 2; ++e) {
      const float weight = exp(logits[n].thread_elements()[e] - highest);
      weights[n].thread_elements()[e] = T(weight);
      sum += weight;
    }
  }
  GPTOSS_UNROLL
  for (uint d = 0; d < kHeadBlocks; ++d) {
    state.sums[b][d].thread_elements()[0] *= factor;
    state.sums[b][d].thread_elements()[1] *= factor;
  }
  state.highest[b] = highest;
  state.sum[b] = sum;
}

// One tile of positions for the simdgroup's queries `first` ….
template <class T, uint kPositions>
GPTOSS_INLINE void attend(constant AttentionArgs& args,
                          uint first,
                          uint position,
                          threadgroup const T* keys,
                          threadgroup const T* values,
                          uint lane,
                          thread QueryState<T>& state) {
  constexpr uint kPitch = kHeadDim + uint(16 / sizeof(T));
  const uint last = first + kSimdQueries - 1;
  const bool masked = position + kPositions - 1 > args.start + first ||
                      position < first_visible(args.start + last, args.window);
  simdgroup_float8x8 logits[kQueryBlocks][kPositions / 8];
  simdgroup_matrix<T, 8, 8> weights[kQueryBlocks][kPositions / 8];
  simdgroup_matrix<T, 8, 8> m;
  GPTOSS_UNROLL
  for (uint n = 0; n < kPositions / 8; ++n) {
    GPTOSS_UNROLL
    for (uint b = 0; b < kQueryBlocks; ++b) {
      logits[b][n] = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
    }
    GPTOSS_UNROLL
    for (uint d = 0; d < kHeadBlocks; ++d) {
      simdgroup_load(m, keys + 8 * n * kPitch + 8 * d, kPitch, ulong2{0, 0}, true);
      GPTOSS_UNROLL
      for (uint b = 0; b < kQueryBlocks; ++b) {
        simdgroup_multiply_accumulate(logits[b][n], state.query[b][d], m, logits[b][n]);
      }
    }
  }
  GPTOSS_UNROLL
  for (uint b = 0; b < kQueryBlocks; ++b) {
    weigh<T, kPositions>(args, b, first + 8 * b + matrix_row(lane), position, masked, lane,
                         logits[b], weights[b], state);
  }
  GPTOSS_UNROLL
  for (uint n = 0; n < kPositions / 8; ++n) {
    GPTOSS_UNROLL
    for (uint d = 0; d < kHeadBlocks; ++d) {
      simdgroup_load(m, values + 8 * n * kPitch + 8 * d, kPitch);
      GPTOSS_UNROLL
      for (uint b = 0; b < kQueryBlocks; ++b) {
        simdgroup_multiply_accumulate(state.sums[b][d], weights[b][n], m, state.sums[b][d]);
      }
    }
  }
}

template <class T>
GPTOSS_INLINE void write_queries(constant AttentionArgs& args,
                                 uint head,
                                 uint first,
                                 uint lane,
                                 thread QueryState<T>& state,
                                 device float* attended) {
  GPTOSS_UNROLL
  for (uint b = 0; b < kQueryBlocks; ++b) {
    float sum = state.sum[b];
    sum += simd_shuffle_xor(sum, ushort(1));
    sum += simd_shuffle_xor(sum, ushort(8));
    const uint token = first + 8 * b + matrix_row(lane);
    if (token < args.count) {
      device float2* result =
          (device float2*)(attended + (ulong(token) * args.heads + head) * kHeadDim);
      GPTOSS_UNROLL
      for (uint d = 0; d < kHeadBlocks; ++d) {
        result[4 * d + matrix_column(lane) / 2] =
            float2{state.sums[b][d].thread_elements()[0] / sum,
                   state.sums[b][d].thread_elements()[1] / sum};
      }
    }
  }
}

template <class T>
GPTOSS_INLINE void attention_tile(constant AttentionArgs& args,
                                  device const float* query,
                                  device const float* sinks,
                                  device const KvPage* pages,
                                  device float* attended,
                                  threadgroup T* shared,
                                  uint2 group,
                                  uint thread_index,
                                  uint lane,
                                  uint simd) {
  constexpr uint kPositions = 64 / sizeof(T);
  constexpr uint kPerWord = 16 / sizeof(T);  // elements of a 16-byte word
  constexpr uint kRowWords = kHeadDim / kPerWord;
  constexpr uint kFetches = kPositions * kRowWords / GPTOSS_PREFILL_ATTENTION_THREADS;
  constexpr uint kPitch = kHeadDim + kPerWord;
  threadgroup T* keys = shared;
  threadgroup T* values = shared + kPositions * kPitch;

  const uint head = group.y;
  const uint kv_head = head / (args.heads / args.kv_heads);
  const uint tile_first = group.x * GPTOSS_QUERY_TILE;
  const uint tile_end = min(tile_first + GPTOSS_QUERY_TILE, args.count);
  // Positions that some query of the threadgroup sees: all of them have been written.
  const uint begin = first_visible(args.start + tile_first, args.window);
  const uint last = args.start + tile_end - 1;
  // And some query of the simdgroup.
  const uint first = tile_first + simd * kSimdQueries;
  const bool busy = first < args.count;
  const uint own_begin = first_visible(args.start + first, args.window);
  const uint own_last = args.start + min(first + kSimdQueries, args.count) - 1;

  QueryState<T> state;
  start_queries(args, query, sinks[head], head, first, lane, state);
  for (uint position = begin / kPositions * kPositions; position <= last; position += kPositions) {
    const uint slot = position % args.ring;
    device const T* page = (device const T*)page_of(pages, slot);
    const uint index = key_index(kv_head, slot);
    uint4 fetched_keys[kFetches];
    uint4 fetched_values[kFetches];
    GPTOSS_UNROLL
    for (uint i = 0; i < kFetches; ++i) {
      const uint word = thread_index + i * GPTOSS_PREFILL_ATTENTION_THREADS;
      const uint visible = clamp(position + word / kRowWords, begin, last) - position;
      const uint at = index + visible * kHeadDim + word % kRowWords * kPerWord;
      fetched_keys[i] = *(device const uint4*)(page + at);
      fetched_values[i] = *(device const uint4*)(page + at + kKeyToValue);
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);  // the last tile has been used
    GPTOSS_UNROLL
    for (uint i = 0; i < kFetches; ++i) {
      const uint word = thread_index + i * GPTOSS_PREFILL_ATTENTION_THREADS;
      const uint at = word / kRowWords * kPitch + word % kRowWords * kPerWord;
      *(threadgroup uint4*)(keys + at) = fetched_keys[i];
      *(threadgroup uint4*)(values + at) = fetched_values[i];
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (busy && position <= own_last && position + kPositions > own_begin) {
      attend<T, kPositions>(args, first, position, keys, values, lane, state);
    }
  }
  write_queries(args, head, first, lane, state, attended);
}

kernel void attention_prefill(constant AttentionArgs& args [[buffer(0)]],
                              device const float* query [[buffer(1)]],
                              device const float* sinks [[buffer(2)]],
                              device const KvPage* pages [[buffer(3)]],
                              device float* attended [[buffer(4)]],
                              threadgroup float4* shared [[threadgroup(0)]],
                              uint2 group [[threadgroup_position_in_grid]],
                              uint thread_index [[thread_index_in_threadgroup]],
                              uint lane [[thread_index_in_simdgroup]],
                              uint simd [[simdgroup_index_in_threadgroup]]) {
  if (kExact) {
    attention_tile<float>(args, query, sinks, pages, attended, (threadgroup float*)shared, group,
                          thread_index, lane, simd);
  } else {
    attention_tile<half>(args, query, sinks, pages, attended, (threadgroup half*)shared, group,
                         thread_index, lane, simd);
  }
}
