// The weights as buffers over the file's own pages: one per layer, one for the unembedding, none of
// them copied. The embedding is in none: the CPU copies the rows of the tokens at hand, so that
// 1.2 GB need not be resident.
#pragma once

#include <vector>

#include "metal/memory.h"
#include "metal/residency.h"
#include "model/weights.h"

namespace gptoss::metal {

// A dense matrix's two buffers (docs/MODEL_FILE.md); bf16 has no scales and binds the weights
// twice.
struct DenseSlices {
  Slice weights;
  Slice scales;
};

struct ExpertSlices {
  Slice blocks;
  Slice scales;
  Slice bias;
};

struct LayerSlices {
  Slice attn_norm;
  DenseSlices qkv;
  Slice qkv_bias;
  Slice sinks;
  DenseSlices out;
  Slice out_bias;
  Slice mlp_norm;
  Slice router;
  Slice router_bias;
  ExpertSlices gate_up;
  ExpertSlices down;
};

class WeightBuffers {
 public:
  // Throws Error when the weights do not fit, before anything is allocated.
  WeightBuffers(const Weights& weights, Memory& memory, Residency& residency);

  const LayerSlices& layer(int i) const { return layers_[static_cast<size_t>(i)]; }
  const Slice& final_norm() const { return final_norm_; }
  const DenseSlices& unembedding() const { return unembedding_; }

 private:
  std::vector<Buffer> buffers_;  // [layers], then the unembedding's
  std::vector<LayerSlices> layers_;
  Slice final_norm_;
  DenseSlices unembedding_;
};

}  // namespace gptoss::metal
