// Products of a matrix with rows of activations, which are prepared for it first.
#pragma once

#include <span>
#include <vector>

#include "cpu/machine.h"

namespace gptoss::cpu {

class Operands {
 public:
  // Takes x float32 [count, cols] for products with matrices stored as `storage`. x must live on
  // where floats are taken as they are; the operands last until the next call.
  std::span<const Operand> prepare(const Machine& machine, Storage storage, const float* x,
                                   int count, int cols);

 private:
  std::vector<Operand> rows_;
  Buffer<uint8_t> prepared_;
};

// Returns [t, r] = w[r] . x[t] (float32 [tokens, kTileRows]) for at most kTileRows rows of a matrix
// stored as `storage`, whose operands were prepared for that. It lies in `scratch`. The rows'
// biases (nullptr if they have none), which are not added, are asked for meanwhile.
const float* multiply(const Machine& machine, Scratch& scratch, Storage storage,
                      const MatrixRows& w, const float* bias, std::span<const Operand> x);

}  // namespace gptoss::cpu
