// What a backend gives the runtime: sequences with their caches, and forward passes over them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace gptoss {

// `exact` keeps float32 everywhere (KV cache included); on the CPU it also sums in one fixed order,
// whatever the chunks are. `normal` takes what the backend's tests bound (docs: "default").
enum class Precision { normal, exact };

struct KvShape;

constexpr int kPagePositions = 256;  // of one KV page of the full-attention layers

// What a sequence holds at one length, kept so that others can go on from there. Immutable. The
// pages of full-attention layers are shared with whoever else has them; the state of the window
// layers is a copy. Serialised parts are [layer, KV head, position, key 64 | value 64] of the
// layers concerned, in the cache's own number format.
class Snapshot {
 public:
  virtual ~Snapshot() = default;

  virtual int length() const = 0;
  // Bytes of the window layers' state.
  virtual uint64_t window_bytes() const = 0;
  virtual int pages() const = 0;
  virtual uint64_t page_bytes(int index) const = 0;
  // Writes page_bytes(index) bytes, or window_bytes().
  virtual void read_page(int index, std::byte* out) const = 0;
  virtual void read_window(std::byte* out) const = 0;
};

// One token sequence's keys and values. Its backend must outlive it.
class Sequence {
 public:
  virtual ~Sequence() = default;

  // Forgets all positions from `length` on.
  virtual void truncate(int length) = 0;
  // Whether a pass may start at `position`: window layers forget what fell out of their rings.
  virtual bool can_resume(int position) const = 0;
  // Bytes held now; shared pages count in full.
  virtual uint64_t bytes() const = 0;

  // Of the first `length` positions, all that there are. Throws Error or std::bad_alloc.
  virtual std::shared_ptr<const Snapshot> snapshot(int length) const = 0;
  // Becomes what `snapshot`, of the same backend, holds. After a throw nothing has changed.
  virtual void restore(const Snapshot& snapshot) = 0;
};

// What a forward pass does for one sequence: computes `tokens` at positions `start` and following,
// with everything before in the cache; at most one chunk. The logits of the last `logit_rows` of
// them go to `logits`, float32 [logit_rows, vocab].
struct BatchItem {
  Sequence& sequence;
  std::span<const int32_t> tokens;
  int start;
  int logit_rows;
  float* logits;
  const std::atomic<bool>& cancelled;
};

class Backend {
 public:
  virtual ~Backend() = default;

  virtual const char* name() const = 0;
  // The GPU's name; empty on the CPU.
  virtual std::string device() const = 0;
  // The CPU instruction set and the threads it computes with; of a GPU, those of its host.
  virtual const char* isa() const = 0;
  virtual int threads() const = 0;

  // `context` bounds the positions, `chunk` the tokens of one pass.
  virtual std::unique_ptr<Sequence> make_sequence(int context, int chunk) = 0;
  // One pass over all items, of different sequences. Throws Cancelled between layers once one of
  // them is; after any throw the positions before `start` of each are as they were. Passes of
  // several threads take turns.
  virtual void forward(std::span<const BatchItem> items) = 0;

  // A snapshot from its serialised parts. Throws Error if they are not what `length` positions
  // take.
  using Bytes = std::span<const std::byte>;
  virtual std::shared_ptr<const Snapshot> load(int length, std::span<const Bytes> pages,
                                               Bytes window) = 0;

  virtual const KvShape& kv_shape() const = 0;
  // Bytes of pages, rings and window states alive now, of all sequences and snapshots.
  virtual uint64_t cache_bytes() const = 0;
  // What a sequence of `positions` takes of these, with chunks of `chunk` tokens.
  virtual uint64_t sequence_bytes(int positions, int chunk) const = 0;
};

}  // namespace gptoss
