// The memory of a buffer: its own slot of address space with readable, writable scratch on both
// sides, so that a stray access harms nobody; or the caller's memory (no copy).
#pragma once

#include <cstdint>

#include "softmetal/api/block.h"
#include "softmetal/api/metal/resource.h"

namespace softmetal::api {

// Alive as long as the buffer or a command that uses it.
class Memory : public Lifetime {
 public:
  static constexpr uint64_t kPage = 16384;
  using Deallocator = Block<void(void*, uint64_t)>;

  // Zero-filled memory, or nullptr if there is none.
  static std::shared_ptr<Memory> allocate(uint64_t bytes);
  // The caller's memory; `deallocator` (a block or nullptr) is called at the end.
  static std::shared_ptr<Memory> wrap(void* data, uint64_t bytes, const void* deallocator);

  Memory(uint8_t* data, uint64_t bytes, uint8_t* slot, uint64_t slot_bytes,
         const void* deallocator);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  uint8_t* const data;
  const uint64_t bytes;
  uint8_t* const slot;  // nullptr: the caller's memory
  const uint64_t slot_bytes;
  uint64_t allocated() const { return (bytes + kPage - 1) / kPage * kPage; }
  // Of all memory that lives, bytes.
  static uint64_t total();

 private:
  const Deallocator deallocator_;
};

}  // namespace softmetal::api
