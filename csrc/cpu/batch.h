// The rows of one forward pass: the tokens of all items, one after another.
#pragma once

#include <span>
#include <vector>

#include "cpu/kv_cache.h"

namespace gptoss::cpu {

class Batch {
 public:
  struct Item {
    KvCache& cache;
    std::span<const int32_t> tokens;
    int start;  // position of the first token
    int first;  // row of the first token
  };
  struct Row {
    int item;
    int position;
    int32_t token;
  };
  // A row whose logits are wanted, and where they go.
  struct Wanted {
    int row;
    float* logits;
  };

  // Makes room in the items' caches. Throws std::bad_alloc.
  Batch(int vocab, std::span<const BatchItem> items);

  const std::vector<Item>& items() const { return items_; }
  const std::vector<Row>& rows() const { return rows_; }
  int count() const { return static_cast<int>(rows_.size()); }
  const std::vector<Wanted>& wanted() const { return wanted_; }

 private:
  std::vector<Item> items_;
  std::vector<Row> rows_;
  std::vector<Wanted> wanted_;
};

}  // namespace gptoss::cpu
