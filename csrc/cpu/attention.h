// Causal attention with sinks and sliding windows over the KV caches of a batch.
//
// A query's positions are taken in parts of fixed borders, each from nothing, which are merged in
// order behind the sink. Whoever computes the parts, the query's result has the same bits: it does
// not depend on threads, on the chunk or on the batch.
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
    Buffer<float> queries;
    Buffer<float> total;  // states
    Buffer<float> part;
  };
  // One KV head's queries at tokens first .. last - 1 of an item.
  struct Tile {
    const Batch::Item* item;
    int kv_head;
    int first;
    int last;
  };
  // A tile, or one part of its positions whose state goes to `place` in parts_.
  struct Task {
    Tile tile;
    int part;  // -1: all of them
    size_t place;
    int64_t cost;  // positions times tokens
  };
  // A tile whose parts are tasks of their own: their states, from `place` on.
  struct Merge {
    Tile tile;
    int parts;
    size_t place;
  };
  // The arguments of run().
  struct Layer {
    int index;
    int window;
    const float* sinks;
    const float* qkv;
    float* attended;
  };

  int rows(const Tile& tile) const;
  AttentionState state_in(float* buffer, int rows) const;
  // The tile's queries, one row per head and token; rows too many are zero.
  AttentionQueries queries(const Layer& layer, const Tile& tile, Scratch& scratch) const;
  AttentionState sink(const Layer& layer, const Tile& tile, Scratch& scratch) const;
  // Fills `state` from nothing with what the tile sees of one part of the positions.
  void attend_part(const Layer& layer, const Tile& tile, const AttentionQueries& queries, int part,
                   const AttentionState& state) const;
  void attend(const Layer& layer, const Task& task, Scratch& scratch);
  void merge(const Layer& layer, const Merge& merge, Scratch& scratch);
  // Divides by the sum and writes the output's rows.
  void finish(const Layer& layer, const Tile& tile, const AttentionState& total) const;

  const Config& config_;
  const Machine& machine_;
  std::vector<Scratch> scratch_;
  std::vector<Task> window_tasks_;  // longest first
  std::vector<Task> full_tasks_;
  std::vector<Merge> merges_;
  Buffer<float> parts_;
};

}  // namespace gptoss::cpu
