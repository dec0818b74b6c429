// How messages name a thread, a place in a kernel, an access.
#pragma once

#include <cstdint>
#include <string>

#include "softmetal/engine/dispatch.h"

namespace softmetal {

// The index-th element of a grid whose x runs fastest, and back.
Size3 position_of(uint64_t index, const Size3& size);
uint64_t index_of(const Size3& position, const Size3& size);

// The threads of a threadgroup: fewer than `threads` at the edges of a grid of so many threads (0 =
// whole threadgroups alone).
Size3 group_size(const Size3& group, const Size3& threads, const Size3& grid);

// "(1, 0, 0)"
std::string tuple_text(const Size3& position);
// "sum.metal:12"; for nullptr or 0 "a command without a kernel".
std::string place_text(const Kernel* kernel, uintptr_t pc);
// "sum.metal:12 thread (1, 0, 0) of group (0, 0, 0)"
std::string party_text(const Kernel* kernel, uintptr_t pc, const Size3& thread, const Size3& group);
// "reads", "atomically writes", …
std::string verb_text(bool write, bool atomic);
// "4 bytes"
std::string bytes_text(uint64_t bytes);

}  // namespace softmetal
