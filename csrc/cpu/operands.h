// Rows of activations, prepared for a product with a matrix (Product::prepare).
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

}  // namespace gptoss::cpu
