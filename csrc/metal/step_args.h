// The argument structs of kernels, filled from a pass. Decode and prefill plans share them.
#pragma once

#include "metal/args.h"
#include "metal/forward_plan.h"

namespace gptoss::metal {

inline uint32_t u(int value) { return static_cast<uint32_t>(value); }

inline NormArgs norm_args(const Pass& pass, int count) {
  return {u(count), u(pass.config.hidden), pass.config.norm_eps};
}

// Attention of rows first .. first + count - 1 of the pass.
inline AttentionArgs attention_args(const Pass& pass, int layer, int first, int count, int splits) {
  return {u(count),
          u(pass.config.heads),
          u(pass.config.kv_heads),
          u(pass.start + first),
          pass.cache.ring(layer),
          pass.cache.window(layer),
          u(splits)};
}

inline MatmulArgs out_args(const Pass& pass, int count) {
  return {u(count), u(pass.config.hidden), u(pass.config.q_width()), 1, 1};
}

inline RouterArgs router_args(const Pass& pass) {
  return {u(pass.config.hidden), u(pass.config.experts), u(pass.config.top_k),
          pass.config.norm_eps};
}

inline ExpertArgs gate_up_args(const Pass& pass) {
  return {u(2 * pass.config.intermediate), u(pass.config.hidden), u(pass.config.top_k),
          pass.config.swiglu_limit};
}

inline ExpertArgs down_args(const Pass& pass) {
  return {u(pass.config.hidden), u(pass.config.intermediate), u(pass.config.top_k),
          pass.config.swiglu_limit};
}

}  // namespace gptoss::metal
