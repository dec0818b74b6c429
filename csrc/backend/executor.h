// What a backend gives a session: the forward pass over one sequence and its KV cache.
#pragma once

#include <atomic>
#include <cstdint>

namespace gptoss {

// `exact` keeps float32 everywhere (KV cache included); on the CPU it also sums in one fixed order,
// whatever the chunks are. `normal` takes what the backend's tests bound (docs: "default").
enum class Precision { normal, exact };

class Executor {
 public:
  virtual ~Executor() = default;

  // Computes `count` tokens at positions start .. start + count - 1, with everything before
  // `start` in the cache; count is at most the chunk size. Writes the logits of the last
  // `logit_rows` of them to `logits`, float32 [logit_rows, vocab].
  // Throws Cancelled between layers once `cancelled` is set; positions before `start` stay valid.
  virtual void forward(const int32_t* tokens, int count, int start, int logit_rows, float* logits,
                       const std::atomic<bool>& cancelled) = 0;

  // Forgets all positions from `length` on.
  virtual void truncate(int length) = 0;
  // Whether forward() may start at `position`: window layers forget what fell out of their rings.
  virtual bool can_resume(int position) const = 0;
  // Bytes of cache and scratch held now.
  virtual uint64_t bytes() const = 0;
};

}  // namespace gptoss
