// MXFP4 in tables: E2M1 values and E8M0 scales (OCP Microscaling Formats 1.0, sections 5.3, 5.4).
#pragma once

#include <bit>
#include <cstdint>

#include "cpu/kernels.h"

namespace gptoss::cpu {

// Twice the value of each E2M1 code, so that all are whole.
alignas(16) inline constexpr int8_t kTwiceE2M1[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                                      0, -1, -2, -3, -4, -6, -8, -12};

// What most integer products have in common.
struct WholeWeights {
  static constexpr int kJointRows = 1;  // rows whose weights meet activations in one instruction
  // What sums count in: of MXFP4 weights, twice the value is multiplied.
  template <Storage storage>
  static constexpr float kUnit = storage == Storage::mxfp4 ? 0.5f : 1.0f;
};

// Half the value of each E8M0 scale, 2^(code - 128): the partner of kTwiceE2M1. Codes 0 and 1 are
// float subnormals; code 255 is NaN. (A plain array: see kernels_impl.h on library templates.)
struct ScaleTable {
  float value[256];
};
inline constexpr ScaleTable kHalfE8M0 = [] {
  ScaleTable table{};
  for (uint32_t code = 0; code < 256; ++code) {
    uint32_t bits = (code - 1) << 23;
    if (code == 0) bits = 0x00200000;
    if (code == 1) bits = 0x00400000;
    if (code == 255) bits = 0x7FC00000;
    table.value[code] = std::bit_cast<float>(bits);
  }
  return table;
}();

}  // namespace gptoss::cpu
