// A stretch of memory that a dispatch may access: a bound buffer, the bytes of setBytes, or a
// resident buffer that it reaches through an address.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "softmetal/check/buffers.h"
#include "softmetal/check/footprint.h"

namespace softmetal {

struct Region {
  uintptr_t begin = 0, end = 0;            // what may be accessed
  uintptr_t slot_begin = 0, slot_end = 0;  // where a stray access does no harm
  std::shared_ptr<Buffer> buffer;          // nullptr for setBytes
  std::string name;                        // "argument `x` (buffer 2, "activations")"
  bool writable = false;
  bool raced = false;  // accesses are noted for the race detector
  // Earlier commands not ordered before this one that touched the buffer: index among them.
  std::vector<std::pair<uint32_t, const Footprint*>> prior;

  bool holds(uintptr_t address) const { return slot_begin <= address && address < slot_end; }
  bool allows(uintptr_t address, uint64_t bytes) const {
    return begin <= address && address <= end && bytes <= end - address;
  }
};

}  // namespace softmetal
