#include "cpu/linear.h"

#include <algorithm>

namespace gptoss::cpu {

namespace {

// result[t, 0 .. rows) for rows first .. first + rows of w.
void multiply_rows(const Machine& machine, Scratch& scratch, const DenseMatrix& w, int64_t first,
                   int rows, const float* x, int tokens, float* result) {
  const Kernels& k = machine.kernels;
  const int64_t start = first * w.cols;
  if (machine.use_matvec(tokens)) {
    for (int t = 0; t < tokens; ++t) {
      const float* token = x + int64_t{t} * w.cols;
      float* y = result + int64_t{t} * kTileRows;
      if (w.bf16 != nullptr) {
        k.matvec_bf16(w.bf16 + start, token, y, rows, w.cols);
      } else {
        k.matvec_q8(w.q8 + start, w.scale + start / kGroup, token, y, rows, w.cols);
      }
    }
    return;
  }
  const int64_t count = int64_t{rows} * w.cols;
  float* panel = scratch.panel.reserve(static_cast<size_t>(count));
  if (w.bf16 != nullptr) {
    k.unpack_bf16(w.bf16 + start, panel, count);
  } else {
    k.unpack_q8(w.q8 + start, w.scale + start / kGroup, panel, count);
  }
  k.matmul(panel, rows, x, tokens, w.cols, result, kTileRows);
}

}  // namespace

void linear(const Machine& machine, ScratchSet& scratch, const DenseMatrix& w, const float* bias,
            const float* x, int tokens, bool residual, float* y) {
  const int64_t tiles = (w.rows + kTileRows - 1) / kTileRows;
  machine.pool.run(tiles, [&](int64_t tile, int thread) {
    const int first = static_cast<int>(tile) * kTileRows;
    const int rows = std::min(kTileRows, w.rows - first);
    Scratch& own = scratch[static_cast<size_t>(thread)];
    float* result = own.result.reserve(static_cast<size_t>(tokens) * kTileRows);
    multiply_rows(machine, own, w, first, rows, x, tokens, result);
    for (int t = 0; t < tokens; ++t) {
      float* out = y + int64_t{t} * w.rows + first;
      for (int r = 0; r < rows; ++r) {
        float value = result[t * kTileRows + r];
        if (bias != nullptr) value += bias[first + r];
        out[r] = residual ? out[r] + value : value;
      }
    }
  });
}

}  // namespace gptoss::cpu
