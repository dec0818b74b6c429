// The CPU's inner loops, written once over vector types (kernels_impl.h, integer_impl.h) and
// compiled once per instruction set. Accumulators are float32.
#pragma once

#include <cstdint>

#include "cpu/attention_kernels.h"
#include "model/group.h"

namespace gptoss::cpu {

// How a matrix is stored (docs/MODEL_FILE.md).
enum class Storage { bf16, q8, mxfp4 };
constexpr int kStorages = 3;

// Some rows of a stored matrix.
struct MatrixRows {
  const void*
      values;  // bf16 [rows, cols], q8 [rows, cols] or MXFP4 blocks [rows, cols / kGroup, 16]
  const void* scales;  // nullptr, f16 or E8M0 [rows, cols / kGroup]
  int rows;
  int cols;  // a multiple of 64
};

// Rows that are unpacked at a time: they stay in the second-level cache.
constexpr int kPanelRows = 32;

// A vector that rows are multiplied with: as Product::prepare left it, or float32 [cols] as it is.
struct Operand {
  const void* values;
  float scale;
};

// y[t * ldy + r] = sum_k w[r, k] * x[t][k], for one way of storing w. Each sum is formed in one
// order, whatever `rows`, `tokens` and the place of a token among them are.
struct Product {
  bool takes_floats() const { return operand_bytes == nullptr; }
  // Bytes of a prepared vector (64-byte aligned); nullptr where floats are taken as they are.
  int64_t (*operand_bytes)(int cols);
  // Prepares x [cols] and returns the operand's scale.
  float (*prepare)(const float* x, int cols, void* operand);
  // `panel` is scratch for kPanelRows * cols floats where floats are taken as they are.
  void (*multiply)(const MatrixRows& w, const Operand* x, int tokens, float* panel, float* y,
                   int64_t ldy);
};

struct Kernels {
  const char* isa;

  // By Storage. `exact` multiplies float32 activations; `integer` (the default precision) rounds
  // the activations of q8 and MXFP4 matrices to int16 and sums their products exactly within a
  // group (integer_impl.h).
  Product exact[kStorages];
  Product integer[kStorages];

  // The float32 values of `n` stored bf16 weights (n a multiple of 32).
  void (*unpack_bf16)(const uint16_t* w, float* out, int64_t n);

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

// The best set for this processor, or the named one ("avx512vnni", "avx512", "avx2",
// "neoni8mm", "neondot", "neon", "portable").
// Throws Error when `isa` is unknown or this processor lacks it.
const Kernels& select_kernels(const char* isa = "");

}  // namespace gptoss::cpu
