#include "cpu/linear.h"

namespace gptoss::cpu {

namespace {

MatrixRows rows_of(const DenseMatrix& w, int first, int rows) {
  const int64_t start = int64_t{first} * w.cols;
  if (w.bf16 != nullptr) return {w.bf16 + start, nullptr, rows, w.cols};
  return {w.q8 + start, w.scale + start / kGroup, rows, w.cols};
}

}  // namespace

void linear(const Machine& machine, ScratchSet& scratch, Operands& operands, const DenseMatrix& w,
            const float* bias, const float* values, bool residual, std::span<float* const> y) {
  const Tiles tiles = machine.tiles(w.rows);
  const int tokens = static_cast<int>(y.size());
  const Storage storage = w.bf16 != nullptr ? Storage::bf16 : Storage::q8;
  const std::span<const Operand> x = operands.prepare(machine, storage, values, tokens, w.cols);
  machine.pool.run(tiles.count(), [&](int64_t tile, int thread) {
    const auto [first, rows] = tiles.at(tile);
    Scratch& own = scratch[static_cast<size_t>(thread)];
    const float* own_bias = bias == nullptr ? nullptr : bias + first;
    const float* row = multiply(machine, own, storage, rows_of(w, first, rows), own_bias, x);
    for (float* const to : y) {
      float* out = to + first;
      for (int r = 0; r < rows; ++r) {
        float value = row[r];
        if (own_bias != nullptr) value += own_bias[r];
        out[r] = residual ? out[r] + value : value;
      }
      row += kTileRows;
    }
  });
}

}  // namespace gptoss::cpu
