#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gptoss {

Rope::Rope(const Config& config) : concentration_(1.0) {
  // The pair that turns `rotations` times within the original context.
  const auto pair_of = [&](double rotations) {
    return kHeadDim * std::log(config.rope_original_context / (rotations * 2 * std::numbers::pi)) /
           (2 * std::log(config.rope_theta));
  };
  double low = pair_of(config.rope_beta_fast);
  double high = pair_of(config.rope_beta_slow);
  if (config.rope_truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, kHeadDim - 1.0);
  const double span = std::max(high - low, 0.001);
  for (int i = 0; i < kPairs; ++i) {
    const double plain = std::pow(config.rope_theta, -2.0 * i / kHeadDim);
    // Fast pairs keep their frequency, slow ones are interpolated, a ramp lies between.
    const double slow = std::clamp((i - low) / span, 0.0, 1.0);
    frequency_[static_cast<size_t>(i)] = plain * (1 - slow) + plain / config.rope_factor * slow;
  }
  if (config.rope_factor > 1) concentration_ = 0.1 * std::log(config.rope_factor) + 1;
}

void Rope::angles(int position, float* cosines, float* sines) const {
  for (int i = 0; i < kPairs; ++i) {
    const double angle = position * frequency_[static_cast<size_t>(i)];
    cosines[i] = static_cast<float>(std::cos(angle) * concentration_);
    sines[i] = static_cast<float>(std::sin(angle) * concentration_);
  }
}

void Rope::rotate(float* head, const float* cosines, const float* sines, float scale) {
  for (int i = 0; i < kPairs; ++i) {
    const float x = head[i];
    const float y = head[i + kPairs];
    head[i] = (x * cosines[i] - y * sines[i]) * scale;
    head[i + kPairs] = (y * cosines[i] + x * sines[i]) * scale;
  }
}

}  // namespace gptoss
