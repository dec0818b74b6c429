// The memory that one OS thread runs threadgroups in: the group's state and its fibers' stacks.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "softmetal/engine/dispatch.h"
#include "softmetal/msl/abi.h"

namespace softmetal {

class Arena {
 public:
  Arena();
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  abi::Group& group() { return *reinterpret_cast<abi::Group*>(base_); }
  abi::Simdgroup& simdgroup(uint32_t i);
  abi::Fiber& fiber(uint32_t i);
  void* stack_top(uint32_t i) const;  // as at the entry of a function

  // Memory of at least this size for threadgroup arguments; it keeps its address until a larger one
  // is asked for.
  uint8_t* threadgroup_memory(size_t bytes);

 private:
  uint8_t* base_;
  std::vector<uint8_t> threadgroup_memory_;
};

// Arenas of finished dispatches wait here for the next ones.
class ArenaLease {
 public:
  ArenaLease();
  ~ArenaLease();
  ArenaLease(const ArenaLease&) = delete;
  ArenaLease& operator=(const ArenaLease&) = delete;
  Arena& operator*() { return *arena_; }

 private:
  std::unique_ptr<Arena> arena_;
};

}  // namespace softmetal
