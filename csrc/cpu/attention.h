// Causal attention with sinks and sliding windows over the KV caches of a batch.
#pragma once

#include <vector>

#include "cpu/batch.h"
#include "cpu/machine.h"

namespace gptoss::cpu {

class Attention {
 public:
  Attention(const Config& config, const Machine& machine);

  // Divides the work of a batch; `batch` must outlive the calls of run().
  void plan(const Batch& batch);
  // One layer, whose keys and values are in the caches: qkv [rows, qkv_width] with rotated and
  // scaled queries, sinks [heads], attended [rows, q_width].
  void run(int layer, const float* sinks, const float* qkv, float* attended);

 private:
  // One per thread.
  struct Scratch {
    Buffer<float> block;            // one block's keys and values in float32
    Buffer<AttentionState> states;  // [query tile, heads per group]
  };
  // One KV head's queries at tokens first .. last - 1 of an item.
  struct Task {
    const Batch::Item* item;
    int kv_head;
    int first;
    int last;
  };
  // The arguments of run().
  struct Layer {
    int index;
    const float* sinks;
    const float* qkv;
    float* attended;
  };

  void attend(const Layer& layer, const Task& task, Scratch& scratch) const;

  const Config& config_;
  const Machine& machine_;
  std::vector<Scratch> scratch_;
  std::vector<Task> tasks_;  // longest first
};

}  // namespace gptoss::cpu
