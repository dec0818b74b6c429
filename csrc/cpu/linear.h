// Dense layers: y = W x + bias for every token of a chunk.
#pragma once

#include "cpu/machine.h"
#include "model/weights.h"

namespace gptoss::cpu {

// y[t, r] = sum_k w[r, k] x[t, k] + bias[r], or added to y when `residual`.
// x float32 [tokens, w.cols], y float32 [tokens, w.rows], bias [w.rows] or nullptr.
void linear(const Machine& machine, ScratchSet& scratch, const DenseMatrix& w, const float* bias,
            const float* x, int tokens, bool residual, float* y);

}  // namespace gptoss::cpu
