// The CPU's inner loops, written once over a vector type (kernels_impl.h) and compiled once per
// instruction set. All arithmetic and all accumulators are float32.
#pragma once

#include <cstdint>

#include "cpu/attention_kernels.h"

namespace gptoss::cpu {

// Tokens that the decode kernels multiply with a weight while it is in registers.
constexpr int kMatvecTokens = 8;

struct Kernels {
  const char* isa;

  // y[t * ldy + r] = sum_k w[r, k] * x[t * cols + k], w [rows, cols], x [tokens, cols]. Each sum is
  // formed in the same order whatever `rows`, `tokens` and the kernel are: a weight unpacked or as
  // it is stored gives the same bits.

  // For few tokens: straight from the stored form, which is read and taken apart once for up to
  // kMatvecTokens tokens.
  // q8 [rows, cols], scale f16 [rows, cols / 32].
  void (*matvec_q8)(const int8_t* q8, const uint16_t* scale, int rows, const float* x, int tokens,
                    int cols, float* y, int64_t ldy);
  void (*matvec_bf16)(const uint16_t* w, int rows, const float* x, int tokens, int cols, float* y,
                      int64_t ldy);
  // blocks [rows, cols / 32, 16], scales [rows, cols / 32]; x in the order of to_decode_order.
  void (*matvec_mxfp4)(const uint8_t* blocks, const uint8_t* scales, int rows, const float* x,
                       int tokens, int cols, float* y, int64_t ldy);
  // Within each group of 32: the order in which this set takes an MXFP4 block's values apart.
  void (*to_decode_order)(const float* x, float* y, int n);

  // For many: exact float32 values of `n` stored weights (n a multiple of 32), those of MXFP4 in
  // decode order; and a product with them.
  void (*unpack_q8)(const int8_t* q8, const uint16_t* scale, float* out, int64_t n);
  void (*unpack_bf16)(const uint16_t* w, float* out, int64_t n);
  void (*unpack_mxfp4)(const uint8_t* blocks, const uint8_t* scales, float* out, int64_t n);
  void (*matmul)(const float* w, int rows, const float* x, int tokens, int cols, float* y,
                 int64_t ldy);

  // y = x / sqrt(mean(x^2) + eps) * weight, n values.
  void (*rms_norm)(const float* x, const float* weight, float* y, int n, float eps);
  // y[i] = gate * sigmoid(1.702 * gate) * (up + 1) with gate = min(x[2i] + bias[2i], limit) and
  // up = clamp(x[2i+1] + bias[2i+1], -limit, limit), for n outputs.
  void (*swiglu)(const float* x, const float* bias, float* y, int n, float limit);
  // y += scale * (x + bias), n values: an expert's output, weighted and summed.
  void (*add_scaled)(const float* x, const float* bias, float scale, float* y, int n);

  // f16 rounds to nearest even and saturates at +-65504.
  void (*store_f16)(const float* x, uint16_t* y, int n);

  AttentionKernels attention;
};

// The best set for this processor, or the named one ("avx512", "avx2", "neon", "portable").
// Throws Error when `isa` is unknown or this processor lacks it.
const Kernels& select_kernels(const char* isa = "");

}  // namespace gptoss::cpu
