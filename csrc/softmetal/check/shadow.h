// What a running dispatch has done to each page of a buffer: which bytes it read and wrote, from
// where in the kernel, and what earlier commands that are not ordered before it did there.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "softmetal/check/cells.h"

namespace softmetal {

constexpr uint32_t kPageBytes = 4096;

// One bit per byte of a page.
struct PageBits {
  std::array<uint64_t, kPageBytes / 64> words{};

  // Bytes first .. first + count - 1 of the page.
  void set(uint32_t first, uint32_t count);
  bool any(uint32_t first, uint32_t count) const;
  uint32_t total() const;
};

// Accesses of one instruction to one page: the bytes between which they lie, and the first thread.
struct PageUse {
  uint16_t instruction = 0;  // index of the pc in the dispatch
  uint16_t thread = 0;       // in its threadgroup
  uint32_t group = 0;        // linear in the grid
  uint16_t first = 0, last = 0;
  bool write = false;
  bool atomic = false;
};

class Footprint;
struct PastPage;

// The same page in an earlier command.
struct PriorPage {
  uint32_t command;  // index among those not ordered before the running one
  const Footprint* footprint;
  const PastPage* page;
};

struct Page {
  static constexpr uint32_t kMaxUses = 8;
  uint32_t number = 0;
  uint32_t uses = 0, last_use = 0;
  std::array<PageUse, kMaxUses> use;
  PageBits read, write;
  std::unique_ptr<std::array<PageBits, 2>> atomic;  // loads, and the rest
  std::unique_ptr<CellPage> cells;
  std::vector<PriorPage> prior;

  void reset(uint32_t page_number);
  void record(const PageUse& now);
};

// The pages of one buffer, by number; memory grows with those that are touched.
class PageTable {
 public:
  explicit PageTable(uint64_t bytes);
  Page* find(uint32_t number) const { return table_ ? table_.get()[number] : nullptr; }
  Page& add(uint32_t number, std::unique_ptr<Page> page);
  const std::vector<std::unique_ptr<Page>>& touched() const { return touched_; }
  // Empties the table and hands back the pages.
  std::vector<std::unique_ptr<Page>> clear();

 private:
  struct Free {
    void operator()(Page** table) const { std::free(table); }
  };
  uint64_t count_ = 0;
  std::unique_ptr<Page*, Free> table_;
  std::vector<std::unique_ptr<Page>> touched_;
};

}  // namespace softmetal
