#include "cpu/linear.h"

#include <algorithm>

namespace gptoss::cpu {

namespace {

// result[t, 0 .. rows) for rows first .. first + rows of w.
void multiply(const Machine& machine, Scratch& scratch, const DenseMatrix& w, int64_t first,
              int rows, const float* x, int tokens, float* result) {
  const Kernels& k = machine.kernels;
  const int64_t start = first * w.cols;
  const uint16_t* scale = w.scale + start / kGroup;
  if (tokens <= kDirectTokens) {
    if (w.bf16 != nullptr) {
      k.matvec_bf16(w.bf16 + start, rows, x, tokens, w.cols, result, kTileRows);
    } else {
      k.matvec_q8(w.q8 + start, scale, rows, x, tokens, w.cols, result, kTileRows);
    }
    return;
  }
  const int64_t values = int64_t{rows} * w.cols;
  float* panel = scratch.panel.reserve(static_cast<size_t>(values));
  if (w.bf16 != nullptr) {
    k.unpack_bf16(w.bf16 + start, panel, values);
  } else {
    k.unpack_q8(w.q8 + start, scale, panel, values);
  }
  k.matmul(panel, rows, x, tokens, w.cols, result, kTileRows);
}

}  // namespace

void linear(const Machine& machine, ScratchSet& scratch, const DenseMatrix& w, const float* bias,
            const float* x, bool residual, std::span<float* const> y) {
  const int64_t tiles = (w.rows + kTileRows - 1) / kTileRows;
  const int tokens = static_cast<int>(y.size());
  machine.pool.run(tiles, [&](int64_t tile, int thread) {
    const int first = static_cast<int>(tile) * kTileRows;
    const int rows = std::min(kTileRows, w.rows - first);
    Scratch& own = scratch[static_cast<size_t>(thread)];
    float* result = own.result.reserve(y.size() * kTileRows);
    multiply(machine, own, w, first, rows, x, tokens, result);
    for (const float* row = result; float* const to : y) {
      float* out = to + first;
      for (int r = 0; r < rows; ++r) {
        float value = row[r];
        if (bias != nullptr) value += bias[first + r];
        out[r] = residual ? out[r] + value : value;
      }
      row += kTileRows;
    }
  });
}

}  // namespace gptoss::cpu
