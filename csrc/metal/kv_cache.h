// Keys and values of one sequence on the GPU, in pages of GPTOSS_PAGE_POSITIONS positions. Window
// layers have a ring of pages, full layers grow page by page, so memory follows the tokens in use.
// One MTLBuffer holds a page of all layers of a kind; kernels find a layer's pages through its page
// table.
#pragma once

#include <cstdint>
#include <vector>

#include "metal/memory.h"
#include "metal/residency.h"
#include "model/config.h"

namespace gptoss::metal {

class KvCache {
 public:
  // `exact` stores float32, otherwise float16. A ring holds the window (or the whole context, if
  // that is shorter) and one chunk more, so that the window before a chunk survives the writing of
  // that chunk. The rings are allocated at once; throws Error.
  KvCache(const Config& config, bool exact, int context, int chunk, Memory& memory,
          Residency& residency);

  // Makes room for positions [begin, end) and notes that they are written: what falls out of the
  // rings is gone. At most one chunk at a time. After a throw all positions before `begin` stay.
  void extend(int begin, int end);
  // Forgets everything from `length` on and frees the pages behind it.
  void truncate(int length);
  // Whether a sequence can go on at `position`: all windows before it are still in the rings.
  bool holds_window(int position) const;

  // For the kernels, until the next extend() or truncate().
  Slice page_table(int layer) const;
  uint32_t ring(int layer) const;
  uint32_t window(int layer) const;

  uint64_t bytes() const;

 private:
  bool windowed(int layer) const { return config_.windowed[static_cast<size_t>(layer)]; }
  void add_page(std::vector<Buffer>& pages, bool of_rings);
  void reserve_tables(size_t pages);
  void fill_tables(size_t page, bool of_rings);

  const Config& config_;
  Memory& memory_;
  Residency& residency_;
  uint64_t page_bytes_;          // of one layer
  std::vector<uint64_t> place_;  // per layer: which of the layers of its kind it is
  uint64_t full_layers_ = 0;
  uint64_t window_layers_ = 0;
  int64_t ring_;  // positions
  int high_ = 0;  // end of the highest position written since the rings were empty
  std::vector<Buffer> ring_pages_;
  std::vector<Buffer> pages_;
  Buffer tables_;  // KvPage [layers, table_pages_]
  size_t table_pages_ = 0;
};

}  // namespace gptoss::metal
