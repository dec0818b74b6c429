// Keys and values of one sequence. Window layers have a ring of blocks, full layers grow by pages,
// so memory follows the tokens in use. Pages may be shared with snapshots and, through them, with
// other sequences: what a snapshot holds is never written again, a sequence that must copies the
// page first.
#pragma once

#include <memory>
#include <vector>

#include "backend/backend.h"
#include "cpu/kv_store.h"

namespace gptoss::cpu {

constexpr int kPageBlocks = kPagePositions / kBlock;

// What all caches of a model have in common.
struct KvShape {
  KvShape(const Config& config, bool exact);

  // Blocks of a ring: the window (or the whole context, if that is shorter) and one chunk more, so
  // that the window before a chunk survives the writing of that chunk; and another one, as both
  // ends may lie inside a block.
  int ring_blocks(int context, int chunk) const;
  std::shared_ptr<KvStore> new_page(std::atomic<uint64_t>& alive) const {
    return std::make_shared<KvStore>(format, full_layers, kPageBlocks, alive);
  }
  int first_in_window(int length) const { return length > window ? length - window : 0; }

  KvFormat format;
  int window;
  std::vector<bool> windowed;  // per layer
  std::vector<int> place;      // per layer: which of the layers of its kind it is
  int full_layers = 0;
  int window_layers = 0;
};

// See backend/backend.h. The last `window` positions of the window layers are kept, serialised.
class KvSnapshot final : public Snapshot {
 public:
  using Page = std::shared_ptr<KvStore>;

  // `window` holds the state of the window layers at `length`. Throws std::bad_alloc.
  KvSnapshot(const KvShape& shape, int length, std::vector<Page> pages,
             std::vector<std::byte> window, std::atomic<uint64_t>& alive);

  int length() const override { return length_; }
  uint64_t window_bytes() const override { return window_.size(); }
  int pages() const override { return static_cast<int>(pages_.size()); }
  uint64_t page_bytes(int index) const override;
  void read_page(int index, std::byte* out) const override;
  void read_window(std::byte* out) const override;

  const std::vector<Page>& shared() const { return pages_; }
  const std::vector<std::byte>& window() const { return window_; }

 private:
  const KvShape& shape_;
  int length_;
  std::vector<Page> pages_;
  std::vector<std::byte> window_;
  Counted counted_;
};

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

  // Block `index` (positions index * kBlock ...) of one head as float32 [64, 64] keys (transposed)
  // and values; `scratch` (2 * 4096 floats) is used where the cache is float16.
  struct View {
    const float* keys;
    const float* values;
  };
  View block(const Kernels& kernels, int layer, int index, int head, float* scratch) const;

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
