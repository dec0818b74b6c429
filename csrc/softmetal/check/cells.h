// The race detector's memory of a page: for each cell the last write and two reads, with the thread
// and the moment. Used for device memory and for threadgroup memory.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace softmetal {

// A thread's access at a moment between barriers.
struct Moment {
  uint32_t group = 0;        // linear in the grid; for threadgroup memory a count of groups
  uint32_t time = 0;         // counts the barriers of the group
  uint16_t instruction = 0;  // index of the pc in the dispatch
  uint16_t thread = 0;       // linear in the threadgroup
  bool atomic = false;
  bool valid = false;
};

// Which moments of the running thread's group are over for it, in one kind of memory: those before
// the last threadgroup barrier, and, within its simdgroup, those before its last simdgroup barrier,
// as far as their flags name this memory.
struct Epochs {
  uint32_t group = 0;
  uint32_t simdgroup = 0;
};

class CellPage {
 public:
  explicit CellPage(uint32_t bytes);
  // Notes the access of bytes first .. first + count - 1. Returns an earlier access that races with
  // it, if there is one: another thread's, not ordered before, at least one of them a write, not
  // both atomic.
  struct Conflict {
    Moment other;
    bool other_writes;
    uint32_t byte;  // where, from the page's begin
  };
  std::optional<Conflict> access(uint32_t first, uint32_t count, bool write, const Moment& now,
                                 const Epochs& epochs, bool groups_share);
  uint64_t memory() const { return cells_.size() * sizeof(Cell); }

 private:
  struct Cell {
    Moment write;
    std::array<Moment, 2> read;
  };
  void split(uint32_t shift);

  uint32_t shift_ = 2;  // a cell is 4 bytes, or 2 or 1 when smaller parts were accessed
  std::vector<Cell> cells_;
};

}  // namespace softmetal
