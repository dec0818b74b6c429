// What a finished command read and wrote, kept for as long as later commands may conflict with it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "softmetal/check/order.h"
#include "softmetal/check/shadow.h"
#include "softmetal/engine/dispatch.h"

namespace softmetal {

// One page: indices of its bit sets in the footprint, and its uses.
struct PastPage {
  static constexpr uint32_t kNone = 0xffffffff;
  static constexpr uint32_t kAll = 0xfffffffe;  // every byte
  uint32_t number;
  uint32_t read, write, atomic_load, atomic_store;
  uint32_t first_use, uses;
};

// The pages of one buffer.
class Footprint {
 public:
  explicit Footprint(const std::vector<std::unique_ptr<Page>>& pages);
  const PastPage* find(uint32_t number) const;
  // Whether the bit set has one of the bytes first .. first + count - 1.
  bool any(uint32_t bits, uint32_t first, uint32_t count) const;
  // The use of the page that touches the bytes with a write or read, or nullptr.
  const PageUse* use(const PastPage& page, uint32_t first, uint32_t count, bool write) const;

 private:
  uint32_t keep(const PageBits& bits);
  std::vector<PastPage> pages_;  // by number
  std::vector<PageBits> bits_;
  std::vector<PageUse> uses_;
};

struct PastCommand {
  Command command;
  std::string name;                // of the kernel, or of the blit command
  std::string label;               // of the dispatch and its encoder
  std::shared_ptr<Kernel> kernel;  // nullptr for a blit
  Size3 groups, threads, grid;     // as dispatched; grid 0 = no partial threadgroups
  std::vector<uintptr_t> instructions;
  std::map<uint64_t, Footprint> footprints;  // by the buffer's id
};

}  // namespace softmetal
