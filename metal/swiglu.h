// The gated activation between the two matrices of an expert.
#pragma once

#include "metal/common.h"

// gate * sigmoid(1.702 * gate) * (up + 1), with gate at most `limit` and up within ±limit.
GPTOSS_INLINE float swiglu(float gate, float up, float limit) {
  const float g = min(gate, limit);
  const float u = clamp(up, -limit, limit);
  return g / (1.0f + exp(-1.702f * g)) * (u + 1.0f);
}
