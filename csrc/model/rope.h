// Rotary position embedding with YaRN scaling (Peng et al. 2023, arXiv:2309.00071).
#pragma once

#include <array>

#include "model/config.h"

namespace gptoss {

class Rope {
 public:
  static constexpr int kPairs = kHeadDim / 2;

  explicit Rope(const Config& config);

  // cos and sin of every pair's angle at `position`, each multiplied by YaRN's concentration
  // 0.1 ln(factor) + 1; [kPairs] each. Angles are formed in float64: float32 loses three digits
  // at long positions.
  void angles(int position, float* cosines, float* sines) const;

  // Turns pairs (x[i], x[i + kPairs]) of one head in place and multiplies them by `scale`.
  static void rotate(float* head, const float* cosines, const float* sines, float scale);

 private:
  std::array<double, kPairs> frequency_;  // radians per position
  double concentration_;
};

}  // namespace gptoss
