// Keys and values of one sequence. Window layers have a ring of blocks, full layers grow by pages,
// so memory follows the tokens in use. Pages may be shared with snapshots and, through them, with
// other sequences: what a snapshot holds is never written again, a sequence that must copies the
// page first.
#pragma once

#include <memory>
#include <vector>

#include "cpu/kv_store.h"

namespace gptoss::cpu {

using KvSnapshot = PagedSnapshot<KvStore>;

// A page of the full layers.
std::shared_ptr<KvStore> new_page(const KvShape& shape, std::atomic<uint64_t>& alive);
// Blocks of a ring: the window (or the whole context, if that is shorter) and one chunk more, so
// that the window before a chunk survives the writing of that chunk; and another one, as both ends
// may lie inside a block.
int ring_blocks(const KvShape& shape, int context, int chunk);

class KvCache {
 public:
  // `alive` counts the bytes of all caches; both must outlive this.
  KvCache(const KvShape& shape, int context, int chunk, std::atomic<uint64_t>& alive);

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

  // key and value of one head at one position, float32 [64] each, into extended room.
  void write(const Kernels& kernels, int layer, int position, int head, const float* key,
             const float* value);

  // Block `index` (positions index * kBlock ...) of one head as KvStore lays it out, float32 or
  // float16 as the shape says.
  const void* block(int layer, int index, int head) const { return block_data(layer, index, head); }

  uint64_t bytes() const;

 private:
  uint8_t* block_data(int layer, int index, int head) const;
  std::unique_ptr<KvStore> new_ring() const;
  // A page of our own with the first `count` positions of `page`.
  std::shared_ptr<KvStore> copy_of(const KvStore& page, int count) const;

  const KvShape& shape_;
  std::atomic<uint64_t>& alive_;
  int ring_blocks_;
  int low_ = 0;   // start of the lowest position written since the rings were empty
  int high_ = 0;  // end of the highest
  std::vector<std::shared_ptr<KvStore>> pages_;  // of the full layers
  std::unique_ptr<KvStore> ring_;                // of the window layers; made on first use
};

}  // namespace gptoss::cpu
