// The mixture of experts of one layer: routing, gate/up with SwiGLU, down, weighted sum.
#pragma once

#include <vector>

#include "cpu/machine.h"
#include "model/weights.h"

namespace gptoss::cpu {

class Experts {
 public:
  // y += sum over the chosen experts of weight * expert(x): x, y float32 [tokens, hidden].
  // `router` holds the router's logits, float32 [tokens, experts].
  void add(const Machine& machine, ScratchSet& scratch, const Config& config,
           const LayerWeights& layer, const float* router, const float* x, int tokens, float* y);

  uint64_t bytes() const { return input_.bytes() + gated_.bytes() + ordered_.bytes(); }

 private:
  // The tokens of one expert, as a range of assignments.
  struct Group {
    int expert;
    int first;
    int count;
  };
  struct Assignment {
    int token;
    float weight;
  };

  void route(const Config& config, const float* router, int tokens);
  void gather(const Machine& machine, const Config& config, const float* x);
  void gate_up(const Machine& machine, ScratchSet& scratch, const Config& config,
               const ExpertMatrices& w);
  void down(const Machine& machine, ScratchSet& scratch, const Config& config,
            const ExpertMatrices& w, float* y);

  std::vector<Group> groups_;            // by ascending expert, none empty
  std::vector<Assignment> assignments_;  // [tokens * top_k], sorted by expert, then by token
  Buffer<float> input_;                  // x of each assignment [tokens * top_k, hidden]
  Buffer<float> gated_;                  // SwiGLU outputs [tokens * top_k, intermediate]
  Buffer<float> ordered_;                // gated_ in the order that matvec_mxfp4 reads
};

}  // namespace gptoss::cpu
