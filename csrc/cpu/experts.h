// The mixture of experts of one layer: routing, gate/up with SwiGLU, down, weighted sum.
#pragma once

#include <vector>

#include "cpu/machine.h"
#include "model/weights.h"

namespace gptoss::cpu {

class Experts {
 public:
  // y += sum over the chosen experts of weight * expert(x): x, y float32 [rows, hidden]. `router`
  // holds the router's logits, float32 [rows, experts]. Each chosen expert's weights are read once
  // for all rows that chose it, and a row's result does not depend on the others.
  void add(const Machine& machine, ScratchSet& scratch, const Config& config,
           const LayerWeights& layer, const float* router, const float* x, int rows, float* y);

 private:
  // The rows of one expert, as a range of assignments.
  struct Group {
    int expert;
    int first;
    int count;
  };
  struct Assignment {
    int row;
    float weight;
  };

  void route(const Config& config, const float* router, int rows);
  void gather(const Machine& machine, const Config& config, const float* x);
  void gate_up(const Machine& machine, ScratchSet& scratch, const Config& config,
               const ExpertMatrices& w);
  void down(const Machine& machine, ScratchSet& scratch, const Config& config,
            const ExpertMatrices& w, float* y);

  std::vector<Group> groups_;            // by ascending expert, none empty
  std::vector<Assignment> assignments_;  // [rows * top_k], sorted by expert, then by row
  Buffer<float> input_;    // x of each assignment [rows * top_k, hidden], in decode order
  Buffer<float> gated_;    // SwiGLU outputs [rows * top_k, intermediate]
  Buffer<float> ordered_;  // the same in decode order
};

}  // namespace gptoss::cpu
