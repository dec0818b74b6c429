// Keys and values of one sequence on the GPU, in pages of GPTOSS_PAGE_POSITIONS positions. Window
// layers have a ring of pages, full layers grow page by page, so memory follows the tokens in use.
// One MTLBuffer holds a page of all layers of a kind; kernels find a layer's pages through its page
// table. Pages of full layers may be shared with snapshots and, through them, with other sequences:
// what a snapshot holds is never written again, a sequence that must copies the page first.
#pragma once

#include <cstdint>
#include <vector>

#include "metal/kv_pages.h"
#include "metal/residency.h"

namespace gptoss::metal {

// Pages of a ring: the window (or the whole context, if that is shorter) and one chunk more, so
// that the window before a chunk survives the writing of that chunk.
int ring_pages(const KvShape& kv, int context, int chunk);

class KvCache {
 public:
  // The rings are allocated at once. `alive` counts the bytes of all pages; all must outlive this.
  // Throws Error.
  KvCache(const KvShape& kv, int context, int chunk, Memory& memory, std::atomic<uint64_t>& alive,
          Residency& residency);

  // Makes room for positions [begin, end) and notes that they are written: what falls out of the
  // rings is gone. At most one chunk at a time. After a throw all positions before `begin` stay.
  void extend(int begin, int end);
  // Forgets everything from `length` on and frees the pages behind it.
  void truncate(int length);
  // Whether a sequence can go on at `position`: all windows before it are still in the rings.
  bool holds_window(int position) const;

  // See Sequence.
  std::shared_ptr<const Snapshot> snapshot(int length) const;
  void restore(const KvSnapshot& snapshot);

  // For the kernels, until the next extend(), truncate() or restore().
  Slice page_table(int layer) const;
  uint32_t ring(int layer) const;
  uint32_t window(int layer) const;

  uint64_t bytes() const;

 private:
  // A page that is resident for this sequence's queue as long as it is here.
  class Resident {
   public:
    Resident() = default;
    Resident(std::shared_ptr<KvPages> page, Residency& residency);
    ~Resident() { reset(); }
    Resident(Resident&& other) noexcept { swap(other); }
    Resident& operator=(Resident&& other) noexcept {
      swap(other);
      return *this;
    }
    const std::shared_ptr<KvPages>& page() const { return page_; }

   private:
    void reset();
    void swap(Resident& other) {
      std::swap(page_, other.page_);
      std::swap(residency_, other.residency_);
    }
    std::shared_ptr<KvPages> page_;
    Residency* residency_ = nullptr;
  };

  bool windowed(int layer) const { return kv_.windowed[static_cast<size_t>(layer)]; }
  Resident new_page(int layers);
  // A page of our own with the first `count` positions of `page`.
  Resident copy_of(const KvPages& page, int count);
  void reserve_tables(size_t pages);
  void fill_tables(size_t page, bool of_rings);
  // Calls visit(page, slot, positions, number of the first) for each part of the ring that
  // positions first .. end - 1 lie in.
  template <class Visit>
  void visit_ring(int first, int end, Visit visit) const;

  const KvShape& kv_;
  Memory& memory_;
  std::atomic<uint64_t>& alive_;
  Residency& residency_;
  int ring_;      // positions
  int low_ = 0;   // start of the lowest position written since the rings were empty
  int high_ = 0;  // end of the highest
  std::vector<Resident> ring_pages_;
  std::vector<Resident> pages_;
  Buffer tables_;  // KvPage [layers, table_pages_]
  size_t table_pages_ = 0;
};

}  // namespace gptoss::metal
