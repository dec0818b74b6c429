// Which basic blocks of instrumented host code ran. The software-Metal build compiles csrc/metal/
// with -fsanitize-coverage=inline-8bit-counters,pc-table; the counters arrive here.
#pragma once

#include <cstdint>
#include <vector>

namespace softmetal {

// A basic block: where it begins, in bytes from the start of the binary it is part of, and whether
// it ran since the binary was loaded.
struct Block {
  uint64_t offset;
  bool executed;
};
std::vector<Block> host_blocks();

}  // namespace softmetal
