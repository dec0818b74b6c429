// The shape of a gpt-oss model, as the model file states it (docs/MODEL_FILE.md).
#pragma once

#include <string>
#include <vector>

#include "model/group.h"

namespace gptoss {

class Json;

// Constant in the whole model family.
constexpr int kHeadDim = 64;
constexpr int kMaxExperts = 128;
constexpr int kMaxTopK = 8;
constexpr float kAttentionScale = 0.125f;  // 1 / sqrt(kHeadDim)

enum class DenseType { q8, bf16 };

struct Config {
  int layers;
  int experts;
  int top_k;
  int hidden;
  int intermediate;
  int vocab;
  int heads;
  int kv_heads;
  int window;
  std::vector<bool> windowed;  // per layer: sliding window or full attention
  int context;                 // positions the model was made for
  double rope_theta;
  double rope_factor;
  double rope_original_context;
  double rope_beta_fast;
  double rope_beta_slow;
  bool rope_truncate;
  float norm_eps;
  float swiglu_limit;
  DenseType dense;

  int q_width() const { return heads * kHeadDim; }
  int kv_width() const { return kv_heads * kHeadDim; }
  int qkv_width() const { return q_width() + 2 * kv_width(); }
  int heads_per_group() const { return heads / kv_heads; }

  // Reads and checks every field; throws Error naming the field and its limits.
  static Config from_json(const Json& json, const std::string& path);
};

}  // namespace gptoss
