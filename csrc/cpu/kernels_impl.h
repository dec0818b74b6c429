// The bodies of Kernels over a vector type V (simd_*.h). Included once per instruction set, inside
// files compiled for it: everything here has internal linkage, and no library template is used, so
// that no code for a newer processor can be linked into the portable path.
#pragma once

#include <cstdint>

#include "cpu/attention_impl.h"
#include "cpu/e2m1.h"
#include "cpu/kernels.h"
#include "cpu/simd_exp.h"

namespace {

using gptoss::cpu::kHalfE8M0;
using gptoss::cpu::kMatvecTokens;

constexpr int kGroupSize = 32;  // values per scale
constexpr int kTileRows = 4;
constexpr float kSwigluAlpha = 1.702f;

template <class V>
struct Body {
  using Vec = typename V::Vec;
  static constexpr int W = V::width;
  static constexpr int kVecs = kGroupSize / W;  // vectors per group of 32

  // ---- matrices: R rows against T tokens ------------------------------------------------------
  // One accumulator per pair, over k in steps of W, whatever R, T and the stored form are: each sum
  // has one order. Products of a weight and its scale are exact.

  template <int R, int T>
  struct Sums {
    // Rows whose weights of a group are in registers together, so that each x is loaded once for
    // all of them.
    static constexpr int kTogether = R * kVecs + R * T < V::registers ? R : 1;
    Vec total[R][T];

    Sums() {
      for (int r = 0; r < R; ++r) {
        for (int t = 0; t < T; ++t) total[r][t] = V::zero();
      }
    }
    // Adds a group of 32 weights of each row times x, which lies `cols` values apart for each
    // token; decode(r, w) gives the weights of row r.
    template <class Decode>
    void add_group(const float* x, int64_t cols, Decode decode) {
      for (int first = 0; first < R; first += kTogether) {
        Vec w[kTogether][kVecs];
        for (int r = 0; r < kTogether; ++r) decode(first + r, w[r]);
        for (int v = 0; v < kVecs; ++v) {
          for (int t = 0; t < T; ++t) {
            const Vec value = V::load(x + t * cols + v * W);
            for (int r = 0; r < kTogether; ++r) {
              total[first + r][t] = V::fma(w[r][v], value, total[first + r][t]);
            }
          }
        }
      }
    }
    void store(float* y, int64_t ldy) const {
      for (int t = 0; t < T; ++t) {
        for (int r = 0; r < R; ++r) y[t * ldy + r] = V::sum(total[r][t]);
      }
    }
  };

  // Asks for the line that holds `p`, a tile ahead of its use: the rows of a tile are too short for
  // the processor to see streams in them. Reaching behind the matrix does no harm.
  static void prefetch(const void* p) { __builtin_prefetch(p, 0, 2); }

  template <int R, int T>
  static void q8_tile(const int8_t* q8, const uint16_t* scale, const float* x, int64_t cols,
                      float* y, int64_t ldy) {
    const int64_t groups = cols / kGroupSize;
    Sums<R, T> sums;
    for (int64_t g = 0; g < groups; ++g) {
      sums.add_group(x + g * kGroupSize, cols, [&](int r, Vec* w) {
        const int8_t* weights = q8 + r * cols + g * kGroupSize;
        prefetch(weights + R * cols);
        const Vec s = V::set(V::half(scale[r * groups + g]));
        for (int v = 0; v < kVecs; ++v) w[v] = V::mul(V::load_i8(weights + v * W), s);
      });
    }
    sums.store(y, ldy);
  }

  template <int R, int T>
  static void bf16_tile(const uint16_t* weights, const float* x, int64_t cols, float* y,
                        int64_t ldy) {
    Sums<R, T> sums;
    for (int64_t k = 0; k < cols; k += kGroupSize) {
      sums.add_group(x + k, cols, [&](int r, Vec* w) {
        const uint16_t* row = weights + r * cols + k;
        prefetch(row + R * cols);
        for (int v = 0; v < kVecs; ++v) w[v] = V::load_bf16(row + v * W);
      });
    }
    sums.store(y, ldy);
  }

  template <int R, int T>
  static void mxfp4_tile(const uint8_t* blocks, const uint8_t* scales, const float* x, int64_t cols,
                         float* y, int64_t ldy) {
    const int64_t groups = cols / kGroupSize;
    Sums<R, T> sums;
    for (int64_t g = 0; g < groups; ++g) {
      sums.add_group(x + g * kGroupSize, cols, [&](int r, Vec* w) {
        const int64_t at = r * groups + g;
        prefetch(blocks + (at + R * groups) * 16);
        V::block_decode(blocks + at * 16, kHalfE8M0.value[scales[at]], w);
      });
    }
    sums.store(y, ldy);
  }

  // Calls tile<R>(first row) over all rows: R at a time, the rest one by one.
  template <int R, class F>
  static void for_row_tiles(int rows, F tile) {
    int64_t r = 0;
    for (; r + R <= rows; r += R) tile.template operator()<R>(r);
    if constexpr (R > 1) {
      for (; r < rows; ++r) tile.template operator()<1>(r);
    }
  }

  // Rows that fit into the registers beside T tokens.
  static constexpr int rows_beside(int tokens) {
    int rows = kTileRows;
    while (rows > 1 && rows * tokens > V::accumulators) rows /= 2;
    return rows;
  }

  // Calls tile<R, T>(first row, first token) over all rows and tokens.
  template <class F>
  static void for_tiles(int rows, int tokens, F tile) {
    int64_t t = 0;
    for (; t + kMatvecTokens <= tokens; t += kMatvecTokens) {
      tokens_tile<kMatvecTokens>(rows, t, tile);
    }
    switch (tokens - t) {
      case 1:
        return tokens_tile<1>(rows, t, tile);
      case 2:
        return tokens_tile<2>(rows, t, tile);
      case 3:
        return tokens_tile<3>(rows, t, tile);
      case 4:
        return tokens_tile<4>(rows, t, tile);
      case 5:
        return tokens_tile<5>(rows, t, tile);
      case 6:
        return tokens_tile<6>(rows, t, tile);
      case 7:
        return tokens_tile<7>(rows, t, tile);
      default:
        return;
    }
  }

  template <int T, class F>
  static void tokens_tile(int rows, int64_t t, F tile) {
    for_row_tiles<rows_beside(T)>(rows,
                                  [=]<int R>(int64_t r) { tile.template operator()<R, T>(r, t); });
  }

  static void matvec_q8(const int8_t* q8, const uint16_t* scale, int rows, const float* x,
                        int tokens, int cols, float* y, int64_t ldy) {
    for_tiles(rows, tokens, [=]<int R, int T>(int64_t r, int64_t t) {
      q8_tile<R, T>(q8 + r * cols, scale + r * (cols / kGroupSize), x + t * cols, cols,
                    y + t * ldy + r, ldy);
    });
  }

  static void matvec_bf16(const uint16_t* w, int rows, const float* x, int tokens, int cols,
                          float* y, int64_t ldy) {
    for_tiles(rows, tokens, [=]<int R, int T>(int64_t r, int64_t t) {
      bf16_tile<R, T>(w + r * cols, x + t * cols, cols, y + t * ldy + r, ldy);
    });
  }

  static void matvec_mxfp4(const uint8_t* blocks, const uint8_t* scales, int rows, const float* x,
                           int tokens, int cols, float* y, int64_t ldy) {
    for_tiles(rows, tokens, [=]<int R, int T>(int64_t r, int64_t t) {
      const int64_t group = r * (cols / kGroupSize);
      mxfp4_tile<R, T>(blocks + group * 16, scales + group, x + t * cols, cols, y + t * ldy + r,
                       ldy);
    });
  }

  static void to_decode_order(const float* x, float* y, int n) {
    for (int g = 0; g < n; g += kGroupSize) {
      for (int i = 0; i < kGroupSize; ++i) y[g + i] = x[g + V::decode_order[i]];
    }
  }

  // ---- many tokens: weights unpacked once per tile, then a float32 matmul ----------------------

  static void unpack_q8(const int8_t* q8, const uint16_t* scale, float* out, int64_t n) {
    for (int64_t g = 0; g < n / kGroupSize; ++g) {
      const Vec s = V::set(V::half(scale[g]));
      for (int64_t k = g * kGroupSize; k < (g + 1) * kGroupSize; k += W) {
        V::store(out + k, V::mul(V::load_i8(q8 + k), s));
      }
    }
  }

  static void unpack_bf16(const uint16_t* w, float* out, int64_t n) {
    for (int64_t k = 0; k < n; k += W) V::store(out + k, V::load_bf16(w + k));
  }

  static void unpack_mxfp4(const uint8_t* blocks, const uint8_t* scales, float* out, int64_t n) {
    for (int64_t g = 0; g < n / kGroupSize; ++g) {
      Vec w[kVecs];
      V::block_decode(blocks + g * 16, kHalfE8M0.value[scales[g]], w);
      for (int v = 0; v < kVecs; ++v) V::store(out + g * kGroupSize + v * W, w[v]);
    }
  }

  template <int R, int T>
  static void tile(const float* w, const float* x, int64_t cols, float* y, int64_t ldy) {
    Sums<R, T> sums;
    for (int64_t k = 0; k < cols; k += W) {
      Vec value[T];
      for (int t = 0; t < T; ++t) value[t] = V::load(x + t * cols + k);
      for (int r = 0; r < R; ++r) {
        const Vec weight = V::load(w + r * cols + k);
        for (int t = 0; t < T; ++t) {
          sums.total[r][t] = V::fma(weight, value[t], sums.total[r][t]);
        }
      }
    }
    sums.store(y, ldy);
  }

  template <int T>
  static void tile_rows(const float* w, int rows, const float* x, int64_t cols, float* y,
                        int64_t ldy) {
    for_row_tiles<kTileRows>(
        rows, [=]<int R>(int64_t r) { tile<R, T>(w + r * cols, x, cols, y + r, ldy); });
  }

  static void matmul(const float* w, int rows, const float* x, int tokens, int cols, float* y,
                     int64_t ldy) {
    int t = 0;
    for (; t + V::tile_tokens <= tokens; t += V::tile_tokens) {
      tile_rows<V::tile_tokens>(w, rows, x + static_cast<int64_t>(t) * cols, cols, y + t * ldy,
                                ldy);
    }
    for (; t < tokens; ++t) {
      tile_rows<1>(w, rows, x + static_cast<int64_t>(t) * cols, cols, y + t * ldy, ldy);
    }
  }

  // ---- the rest -------------------------------------------------------------------------------

  static void rms_norm(const float* x, const float* weight, float* y, int n, float eps) {
    Vec squares = V::zero();
    for (int i = 0; i < n; i += W) squares = V::fma(V::load(x + i), V::load(x + i), squares);
    const float mean = V::sum(squares) / static_cast<float>(n);
    const Vec factor = V::set(1.0f / __builtin_sqrtf(mean + eps));
    for (int i = 0; i < n; i += W) {
      V::store(y + i, V::mul(V::mul(V::load(x + i), factor), V::load(weight + i)));
    }
  }

  static void swiglu(const float* x, const float* bias, float* y, int n, float limit) {
    const Vec high = V::set(limit), low = V::set(-limit), one = V::set(1.0f);
    for (int i = 0; i < n; i += W) {
      float gates[W], ups[W];
      for (int j = 0; j < W; ++j) {
        gates[j] = x[2 * (i + j)] + bias[2 * (i + j)];
        ups[j] = x[2 * (i + j) + 1] + bias[2 * (i + j) + 1];
      }
      const Vec gate = V::min(V::load(gates), high);
      const Vec up = V::max(V::min(V::load(ups), high), low);
      const Vec decay = exp<V>(V::mul(gate, V::set(-kSwigluAlpha)));
      const Vec gated = V::div(gate, V::add(one, decay));
      V::store(y + i, V::mul(gated, V::add(up, one)));
    }
  }

  static void add_scaled(const float* x, const float* bias, float scale, float* y, int n) {
    const Vec s = V::set(scale);
    for (int i = 0; i < n; i += W) {
      V::store(y + i, V::fma(V::add(V::load(x + i), V::load(bias + i)), s, V::load(y + i)));
    }
  }

  static void store_f16(const float* x, uint16_t* y, int n) {
    const Vec high = V::set(65504.0f), low = V::set(-65504.0f);
    for (int i = 0; i < n; i += W) V::store_f16(y + i, V::max(V::min(V::load(x + i), high), low));
  }

  static constexpr gptoss::cpu::Kernels kernels = {V::name,         matvec_q8,
                                                   matvec_bf16,     matvec_mxfp4,
                                                   to_decode_order, unpack_q8,
                                                   unpack_bf16,     unpack_mxfp4,
                                                   matmul,          rms_norm,
                                                   swiglu,          add_scaled,
                                                   store_f16,       AttentionBody<V>::kernels};
};

}  // namespace
