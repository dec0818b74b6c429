// What the host and the kernels agree on: argument structs, the KV cache's pages, tile sizes and
// function constants. Included by both sides; every struct's size is asserted on both.
#pragma once

#ifdef __METAL_VERSION__
typedef unsigned int gptoss_uint;
#define GPTOSS_POINTER(type) device type*
#else
#include <cstdint>
typedef uint32_t gptoss_uint;
#define GPTOSS_POINTER(type) uint64_t
#endif

// Function constants, set once per model.
#define GPTOSS_CONSTANT_DENSE_Q8 0  // bool: dense weights are int8 groups (else bf16)
#define GPTOSS_CONSTANT_EXACT 1     // bool: float32 KV cache and float32 matmul tiles (else half)

// A page of the KV cache holds this many positions of one layer: for each key-value head first the
// keys [positions, 64], then the values [positions, 64], in half (float with EXACT).
#define GPTOSS_PAGE_POSITIONS 256

// Rows (tokens of one expert) of one tile of the grouped matmuls.
#define GPTOSS_EXPERT_TILE 32

// Launch geometry. Where a kernel takes a grid of threadgroups (x, y, z), the comment says what
// each counts; *_THREADS are threads per threadgroup, *_MEMORY bytes of threadgroup memory at index
// 0.
#define GPTOSS_DECODE_TOKENS 8  // up to this many tokens take the decode kernels

#define GPTOSS_EMBED_THREADS 256  // x: hidden / 256 rounded up, y: token
#define GPTOSS_NORM_THREADS 256   // x: token
#define GPTOSS_NORM_MEMORY 32
#define GPTOSS_QKV_ROWS 16            // rows of weights per threadgroup: a quarter of a head
#define GPTOSS_QKV_THREADS 128        // x: rows / 16, y: token
#define GPTOSS_ATTENTION_THREADS 256  // attention_decode; x: kv head, y: split, z: token
#define GPTOSS_ATTENTION_MEMORY 16896
#define GPTOSS_MERGE_THREADS 64  // x: query head, y: token
#define GPTOSS_OUT_ROWS 16
#define GPTOSS_OUT_THREADS 128      // x: rows / 16, y: token
#define GPTOSS_ROUTER_THREADS 1024  // x: token
#define GPTOSS_ROUTER_MEMORY 640
#define GPTOSS_GATE_UP_ROWS 32
#define GPTOSS_GATE_UP_THREADS 128  // x: rows / 32, y: chosen expert, z: token
#define GPTOSS_DOWN_ROWS 8
#define GPTOSS_DOWN_THREADS 128  // x: rows / 8, y: token
#define GPTOSS_DOWN_MEMORY 256
#define GPTOSS_UNEMBED_ROWS 64
#define GPTOSS_UNEMBED_THREADS 256  // x: vocab / 64 rounded up, y: token

#define GPTOSS_MATMUL_ROWS 64      // rows of weights per threadgroup
#define GPTOSS_MATMUL_TOKENS 64    // tokens per threadgroup
#define GPTOSS_MATMUL_THREADS 128  // x: rows / 64 rounded up, y: tokens / 64 rounded up
#define GPTOSS_MATMUL_MEMORY 10240
#define GPTOSS_ROPE_THREADS 256               // x: token
#define GPTOSS_QUERY_TILE 64                  // queries of one head per threadgroup
#define GPTOSS_PREFILL_ATTENTION_THREADS 128  // x: count / 64 rounded up, y: query head
#define GPTOSS_PREFILL_ATTENTION_MEMORY 9216
#define GPTOSS_SORT_THREADS 1024  // one threadgroup
#define GPTOSS_SORT_MEMORY 17424
#define GPTOSS_GROUPED_THREADS 128  // x: rows / 64, y: tile
#define GPTOSS_GROUPED_MEMORY 13824
#define GPTOSS_MIX_THREADS 256  // x: hidden / 256 rounded up, y: token

// The layer's page table has one entry per page: slot s of the cache (s = position % ring) lies in
// page s / GPTOSS_PAGE_POSITIONS.
struct KvPage {
  GPTOSS_POINTER(unsigned char) data;  // [kv_heads, 2, GPTOSS_PAGE_POSITIONS, 64]
};

// One tile of rows of the grouped matmuls: `rows` consecutive entries of the sorted order, all of
// one expert; rows = 0 marks an unused tile.
struct ExpertTile {
  gptoss_uint expert;
  gptoss_uint first;
  gptoss_uint rows;
};

struct EmbedArgs {
  gptoss_uint count;  // tokens
  gptoss_uint hidden;
};

struct NormArgs {
  gptoss_uint count;
  gptoss_uint hidden;
  float eps;
};

struct QkvArgs {
  gptoss_uint hidden;
  gptoss_uint heads;
  gptoss_uint kv_heads;
  gptoss_uint start;  // position of the first token
  gptoss_uint ring;   // positions the layer's cache holds; slot = position % ring
  float eps;
};

struct RopeArgs {
  gptoss_uint count;
  gptoss_uint heads;
  gptoss_uint kv_heads;
  gptoss_uint start;
  gptoss_uint ring;
};

// Token t (of `count`) sees positions max(0, start + t - window + 1) .. start + t.
struct AttentionArgs {
  gptoss_uint count;
  gptoss_uint heads;
  gptoss_uint kv_heads;
  gptoss_uint start;
  gptoss_uint ring;
  gptoss_uint window;  // 0xffffffff for full attention
  gptoss_uint splits;  // decode only: parts of the visible positions, computed apart
};

struct MatmulArgs {
  gptoss_uint count;       // tokens
  gptoss_uint rows;        // of the weights: outputs per token
  gptoss_uint cols;        // inputs per token
  gptoss_uint has_bias;    // 0 or 1
  gptoss_uint accumulate;  // 1: y += W x + b, else y = W x + b
};

struct UnembedArgs {
  gptoss_uint count;
  gptoss_uint hidden;
  gptoss_uint vocab;
  float eps;
};

struct RouterArgs {
  gptoss_uint hidden;
  gptoss_uint experts;
  gptoss_uint top_k;
  float eps;
};

// Both expert matmuls, decode and grouped.
struct ExpertArgs {
  gptoss_uint rows;  // outputs of one expert: 2 * intermediate for gate_up, hidden for down
  gptoss_uint cols;  // inputs: hidden for gate_up, intermediate for down
  gptoss_uint top_k;
  float limit;  // of SwiGLU; unused by down
};

struct SortArgs {
  gptoss_uint pairs;  // tokens * top_k
  gptoss_uint experts;
  gptoss_uint tiles;  // length of the tile list: pairs / GPTOSS_EXPERT_TILE + experts
};

struct MixArgs {
  gptoss_uint count;
  gptoss_uint hidden;
  gptoss_uint top_k;
};

static_assert(sizeof(KvPage) == 8, "one address");
static_assert(sizeof(ExpertTile) == 12, "packed");
static_assert(sizeof(EmbedArgs) == 8, "packed");
static_assert(sizeof(NormArgs) == 12, "packed");
static_assert(sizeof(QkvArgs) == 24, "packed");
static_assert(sizeof(RopeArgs) == 20, "packed");
static_assert(sizeof(AttentionArgs) == 28, "packed");
static_assert(sizeof(MatmulArgs) == 20, "packed");
static_assert(sizeof(UnembedArgs) == 16, "packed");
static_assert(sizeof(RouterArgs) == 16, "packed");
static_assert(sizeof(ExpertArgs) == 16, "packed");
static_assert(sizeof(SortArgs) == 12, "packed");
static_assert(sizeof(MixArgs) == 12, "packed");
