#include "cpu/operands.h"

namespace gptoss::cpu {

std::span<const Operand> Operands::prepare(const Machine& machine, Storage storage, const float* x,
                                           int count, int cols) {
  const Product& product = machine.product(storage);
  rows_.resize(static_cast<size_t>(count));
  const int64_t bytes = product.takes_floats() ? 0 : product.operand_bytes(cols);
  uint8_t* prepared = prepared_.reserve(static_cast<size_t>(count * bytes));
  machine.pool.run(count, [&](int64_t t, int) {
    const float* row = x + t * cols;
    Operand& operand = rows_[static_cast<size_t>(t)];
    if (bytes == 0) {
      operand = {row, 1.0f};
    } else {
      operand.values = prepared + t * bytes;
      operand.scale = product.prepare(row, cols, prepared + t * bytes);
    }
  });
  return rows_;
}

const float* multiply(const Machine& machine, Scratch& scratch, Storage storage,
                      const MatrixRows& w, const float* bias, std::span<const Operand> x) {
  constexpr int kLine = 64 / sizeof(float);
  for (int r = 0; bias != nullptr && r < w.rows; r += kLine) __builtin_prefetch(bias + r);
  const Product& product = machine.product(storage);
  float* panel = nullptr;
  if (product.takes_floats()) {
    panel = scratch.panel.reserve(static_cast<size_t>(kPanelRows) * static_cast<size_t>(w.cols));
  }
  float* result = scratch.result.reserve(x.size() * kTileRows);
  product.multiply(w, x.data(), static_cast<int>(x.size()), panel, result, kTileRows);
  return result;
}

}  // namespace gptoss::cpu
