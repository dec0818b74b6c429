// The mixture of experts of one layer: routing, gate/up with SwiGLU, down, weighted sum.
#pragma once

#include <vector>

#include "cpu/operands.h"
#include "model/weights.h"

namespace gptoss::cpu {

class Experts {
 public:
  // y += sum over the chosen experts of weight * expert(x): x, y float32 [count, hidden]. `router`
  // holds the router's logits, float32 [count, experts]. Each chosen expert's weights are read once
  // for all rows that chose it, and a row's result does not depend on the others.
  void add(const Machine& machine, ScratchSet& scratch, const Config& config,
           const LayerWeights& layer, const float* router, const float* x, int count, float* y);

 private:
  // The rows of one expert, as a range of assignments.
  struct Group {
    int expert;
    int first;
    int count;

    std::span<const Operand> of(std::span<const Operand> all) const {
      return all.subspan(static_cast<size_t>(first), static_cast<size_t>(count));
    }
  };
  struct Assignment {
    int row;
    float weight;
  };

  void route(const Config& config, const float* router, int rows);
  void gate_up(const Machine& machine, ScratchSet& scratch, const Config& config,
               const ExpertMatrices& w);
  void down(const Machine& machine, ScratchSet& scratch, const Config& config,
            const ExpertMatrices& w, float* y);

  std::vector<Group> groups_;            // by ascending expert, none empty
  std::vector<Assignment> assignments_;  // [rows * top_k], sorted by expert, then by row
  Operands operands_;
  std::vector<Operand> inputs_;  // of each assignment
  Buffer<float> gated_;          // SwiGLU outputs [rows * top_k, intermediate]
};

}  // namespace gptoss::cpu
