#include "metal/kernel_table.h"

#include <algorithm>
#include <array>

#include "metal/args.h"

namespace gptoss::metal {

namespace {

constexpr uint32_t kHead = 64;  // values of one head

constexpr uint32_t divide_up(uint32_t a, uint32_t b) { return (a + b - 1) / b; }

template <class Args>
const Args& as(const void* args) {
  return *static_cast<const Args*>(args);
}

// Most positions that one token sees.
uint32_t visible(const AttentionArgs& a) { return std::min(a.window, a.start + a.count); }

double product(double a, double b, double c = 1) { return a * b * c; }

// A dense matrix [rows, cols] times `count` vectors; bf16 is the larger of the two types.
Work dense(double rows, double cols, double count, double reads) {
  return {2 * product(rows, cols, count), 2 * product(rows, cols, reads)};
}

// `experts` MXFP4 matrices [rows, cols], each read once, times `pairs` vectors.
Work moe(const ExpertArgs& a, double experts, double pairs) {
  const double weights = product(a.rows, a.cols);
  return {2 * weights * pairs, weights * experts * 17 / 32};
}

Work attention(const AttentionArgs& a, double key_reads) {
  const double keys = product(visible(a), kHead);
  return {4 * product(keys, a.heads, a.count), 8 * product(keys, a.kv_heads, key_reads)};
}

Work elements(double count) { return {4 * count, 8 * count}; }

constexpr auto R = Access::read;
constexpr auto W = Access::write;
constexpr auto RW = Access::read_write;

constexpr Parameter kEmbed[] = {{1, R}, {2, W}};
constexpr Parameter kNorm[] = {{1, R}, {2, R}, {3, W}};
constexpr Parameter kQkv[] = {{1, R}, {2, R}, {3, R}, {4, R}, {5, R}, {6, R}, {7, W, true}, {8, W}};
constexpr Parameter kAttentionDecode[] = {{1, R}, {2, R}, {3, R, true}, {4, W}, {5, W}};
constexpr Parameter kMerge[] = {{1, R}, {2, W}};
constexpr Parameter kOut[] = {{1, R}, {2, R}, {3, R}, {4, R}, {5, RW}};
constexpr Parameter kRouter[] = {{1, R}, {2, R}, {3, R}, {4, R}, {5, W}, {6, W}, {7, W}};
constexpr Parameter kGateUp[] = {{1, R}, {2, R}, {3, R}, {4, R}, {5, R}, {6, W}};
constexpr Parameter kDown[] = {{1, R}, {2, R}, {3, R}, {4, R}, {5, R}, {6, R}, {7, RW}};
constexpr Parameter kUnembed[] = {{1, R}, {2, R}, {3, R}, {4, R}, {5, W}};
constexpr Parameter kMatmul[] = {{1, R}, {2, R}, {3, R}, {4, R}, {5, RW}};
constexpr Parameter kRope[] = {{1, R}, {2, R}, {3, W, true}, {4, W}};
constexpr Parameter kAttentionPrefill[] = {{1, R}, {2, R}, {3, R, true}, {4, W}};
constexpr Parameter kSort[] = {{1, R}, {2, W}, {3, W}};
constexpr Parameter kGrouped[] = {{1, R}, {2, R}, {3, R}, {4, R}, {5, R}, {6, R}, {7, W}};
constexpr Parameter kMix[] = {{1, R}, {2, R}, {3, RW}};

const std::array<KernelInfo, kKernels> kTable = {{
    {"embed", sizeof(EmbedArgs), GPTOSS_EMBED_THREADS, 0, kEmbed,
     [](const void* p, uint32_t count) {
       return Groups{divide_up(as<EmbedArgs>(p).hidden, GPTOSS_EMBED_THREADS), count};
     },
     [](const void* p, uint32_t count) {
       return elements(product(as<EmbedArgs>(p).hidden, count));
     }},
    {"norm_rows", sizeof(NormArgs), GPTOSS_NORM_THREADS, GPTOSS_NORM_MEMORY, kNorm,
     [](const void*, uint32_t count) { return Groups{count}; },
     [](const void* p, uint32_t count) {
       return elements(product(as<NormArgs>(p).hidden, count));
     }},
    {"qkv", sizeof(QkvArgs), GPTOSS_QKV_THREADS, 0, kQkv,
     [](const void* p, uint32_t count) {
       const auto& a = as<QkvArgs>(p);
       return Groups{(a.heads + 2 * a.kv_heads) * kHead / GPTOSS_QKV_ROWS, count};
     },
     [](const void* p, uint32_t count) {
       const auto& a = as<QkvArgs>(p);
       return dense((a.heads + 2 * a.kv_heads) * kHead, a.hidden, count, count);
     }},
    {"attention_decode", sizeof(AttentionArgs), GPTOSS_ATTENTION_THREADS, GPTOSS_ATTENTION_MEMORY,
     kAttentionDecode,
     [](const void* p, uint32_t count) {
       const auto& a = as<AttentionArgs>(p);
       return Groups{a.kv_heads, a.splits, count};
     },
     [](const void* p, uint32_t count) { return attention(as<AttentionArgs>(p), count); }},
    {"attention_merge", sizeof(AttentionArgs), GPTOSS_MERGE_THREADS, 0, kMerge,
     [](const void* p, uint32_t count) { return Groups{as<AttentionArgs>(p).heads, count}; },
     [](const void* p, uint32_t count) {
       const auto& a = as<AttentionArgs>(p);
       return elements(product(a.heads * kHead, a.splits, count));
     }},
    {"out", sizeof(MatmulArgs), GPTOSS_OUT_THREADS, 0, kOut,
     [](const void* p, uint32_t count) {
       return Groups{divide_up(as<MatmulArgs>(p).rows, GPTOSS_OUT_ROWS), count};
     },
     [](const void* p, uint32_t count) {
       return dense(as<MatmulArgs>(p).rows, as<MatmulArgs>(p).cols, count, count);
     }},
    {"router", sizeof(RouterArgs), GPTOSS_ROUTER_THREADS, GPTOSS_ROUTER_MEMORY, kRouter,
     [](const void*, uint32_t count) { return Groups{count}; },
     [](const void* p, uint32_t count) {
       return dense(as<RouterArgs>(p).experts, as<RouterArgs>(p).hidden, count, count);
     }},
    {"gate_up", sizeof(ExpertArgs), GPTOSS_GATE_UP_THREADS, 0, kGateUp,
     [](const void* p, uint32_t count) {
       const auto& a = as<ExpertArgs>(p);
       return Groups{divide_up(a.rows, GPTOSS_GATE_UP_ROWS), a.top_k, count};
     },
     [](const void* p, uint32_t count) {
       const auto& a = as<ExpertArgs>(p);
       return moe(a, product(a.top_k, count), product(a.top_k, count));
     }},
    {"down", sizeof(ExpertArgs), GPTOSS_DOWN_THREADS, GPTOSS_DOWN_MEMORY, kDown,
     [](const void* p, uint32_t count) {
       return Groups{divide_up(as<ExpertArgs>(p).rows, GPTOSS_DOWN_ROWS), count};
     },
     [](const void* p, uint32_t count) {
       const auto& a = as<ExpertArgs>(p);
       return moe(a, product(a.top_k, count), product(a.top_k, count));
     }},
    {"unembed", sizeof(UnembedArgs), GPTOSS_UNEMBED_THREADS, 0, kUnembed,
     [](const void* p, uint32_t count) {
       return Groups{divide_up(as<UnembedArgs>(p).vocab, GPTOSS_UNEMBED_ROWS), count};
     },
     [](const void* p, uint32_t count) {
       return dense(as<UnembedArgs>(p).vocab, as<UnembedArgs>(p).hidden, count, count);
     }},
    {"matmul", sizeof(MatmulArgs), GPTOSS_MATMUL_THREADS, GPTOSS_MATMUL_MEMORY, kMatmul,
     [](const void* p, uint32_t count) {
       return Groups{divide_up(as<MatmulArgs>(p).rows, GPTOSS_MATMUL_ROWS),
                     divide_up(count, GPTOSS_MATMUL_TOKENS)};
     },
     [](const void* p, uint32_t count) {
       const double reads = divide_up(count, GPTOSS_MATMUL_TOKENS);
       return dense(as<MatmulArgs>(p).rows, as<MatmulArgs>(p).cols, count, reads);
     }},
    {"rope", sizeof(RopeArgs), GPTOSS_ROPE_THREADS, 0, kRope,
     [](const void*, uint32_t count) { return Groups{count}; },
     [](const void* p, uint32_t count) {
       const auto& a = as<RopeArgs>(p);
       return elements(product((a.heads + 2 * a.kv_heads) * kHead, count));
     }},
    {"attention_prefill", sizeof(AttentionArgs), GPTOSS_PREFILL_ATTENTION_THREADS,
     GPTOSS_PREFILL_ATTENTION_MEMORY, kAttentionPrefill,
     [](const void* p, uint32_t count) {
       return Groups{divide_up(count, GPTOSS_QUERY_TILE), as<AttentionArgs>(p).heads};
     },
     [](const void* p, uint32_t count) {
       const auto& a = as<AttentionArgs>(p);
       const double tiles = divide_up(count, GPTOSS_QUERY_TILE);
       return attention(a, tiles * a.heads / a.kv_heads);
     }},
    {"expert_sort", sizeof(SortArgs), GPTOSS_SORT_THREADS, GPTOSS_SORT_MEMORY, kSort,
     [](const void*, uint32_t) { return Groups{}; },
     [](const void* p, uint32_t) { return elements(product(as<SortArgs>(p).pairs, 64)); }},
    {"grouped_gate_up", sizeof(ExpertArgs), GPTOSS_GROUPED_THREADS, GPTOSS_GROUPED_MEMORY, kGrouped,
     [](const void* p, uint32_t tiles) {
       return Groups{divide_up(as<ExpertArgs>(p).rows, GPTOSS_MATMUL_ROWS), tiles};
     },
     [](const void* p, uint32_t tiles) {
       return moe(as<ExpertArgs>(p), tiles, product(tiles, GPTOSS_EXPERT_TILE));
     }},
    {"grouped_down", sizeof(ExpertArgs), GPTOSS_GROUPED_THREADS, GPTOSS_GROUPED_MEMORY, kGrouped,
     [](const void* p, uint32_t tiles) {
       return Groups{divide_up(as<ExpertArgs>(p).rows, GPTOSS_MATMUL_ROWS), tiles};
     },
     [](const void* p, uint32_t tiles) {
       return moe(as<ExpertArgs>(p), tiles, product(tiles, GPTOSS_EXPERT_TILE));
     }},
    {"mix", sizeof(MixArgs), GPTOSS_MIX_THREADS, 0, kMix,
     [](const void* p, uint32_t count) {
       return Groups{divide_up(as<MixArgs>(p).hidden, GPTOSS_MIX_THREADS), count};
     },
     [](const void* p, uint32_t count) {
       return elements(product(as<MixArgs>(p).hidden, as<MixArgs>(p).top_k, count));
     }},
}};

}  // namespace

const KernelInfo& info(Kernel kernel) { return kTable[static_cast<size_t>(kernel)]; }

std::optional<Kernel> find_kernel(std::string_view name) {
  for (size_t i = 0; i < kKernels; ++i) {
    if (kTable[i].name == name) return static_cast<Kernel>(i);
  }
  return std::nullopt;
}

}  // namespace gptoss::metal
