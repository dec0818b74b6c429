// Dense layers: y = W x + bias for every row of a pass.
#pragma once

#include <span>

#include "cpu/operands.h"
#include "model/weights.h"

namespace gptoss::cpu {

// y[t][r] = sum_k w[r, k] x[t, k] + bias[r], or added to y when `residual`. x float32 [rows,
// w.cols], `values`; y points to the w.rows outputs of each row; bias is [w.rows] or nullptr.
// Weights are read once for all rows, and a row's result does not depend on the others.
void linear(const Machine& machine, ScratchSet& scratch, Operands& operands, const DenseMatrix& w,
            const float* bias, const float* values, bool residual, std::span<float* const> y);

}  // namespace gptoss::cpu
