// The threadgroup memory of the running group: its bounds, which bytes have been written, and who
// accessed what since which barrier.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "softmetal/check/cells.h"
#include "softmetal/engine/dispatch.h"

namespace softmetal {

class GroupMemory {
 public:
  struct Block {
    int index;  // n of [[threadgroup(n)]]
    uintptr_t begin, end;
    std::vector<bool> written;  // per byte
    CellPage cells;
  };

  void begin_group(const Observer::Block* blocks, int count);
  // Whether the address lies in the blocks or near them.
  bool owns(uintptr_t address) const { return near_begin_ <= address && address < near_end_; }
  // The block in which the access lies, or nullptr.
  Block* find(uintptr_t address, uint64_t bytes);
  const Block& nearest(uintptr_t address) const;

  // Notes the access; `now.group` is replaced by a number of this group's own.
  struct Outcome {
    std::optional<uint64_t> unwritten;  // a byte of the block that is read before it is written
    std::optional<CellPage::Conflict> race;
  };
  Outcome access(Block& block, uintptr_t address, uint64_t bytes, bool write, Moment now,
                 const Epochs& epochs);

 private:
  std::vector<Block> blocks_;
  uintptr_t near_begin_ = 0, near_end_ = 0;
  uint32_t groups_ = 0;
};

}  // namespace softmetal
