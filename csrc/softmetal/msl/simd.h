// <metal_simdgroup>, <metal_quadgroup>: every thread of the simdgroup meets the others, the last
// one computes the result. Also the barriers of <metal_compute>.
#pragma once

#include "fiber.h"
#include "types.h"

// The place of a call, as a default argument.
#define SOFTMETAL_HERE(kind, flags)                                                    \
  ::softmetal::abi::Site::make(__builtin_FILE(), __builtin_LINE(), __builtin_COLUMN(), \
                               ::softmetal::abi::Meeting::kind, static_cast<unsigned>(flags))
#define SOFTMETAL_SITE ::softmetal::abi::Site site = SOFTMETAL_HERE(collective, 0)

namespace softmetal {

inline abi::Simdgroup* simdgroup() { return abi::current_group()->current->simdgroup; }
inline unsigned lane() { return abi::current_group()->current->lane; }

// Stores the value where the others find it, waits for them, and lets the last one call
// complete(values, simdgroup). Returns the values, which stay until the meeting after the next.
template <class T, class Complete>
inline T* gather(T value, abi::Site site, Complete complete) {
  static_assert(sizeof(T) <= 16, "a lane contributes up to 16 bytes");
  abi::Group* group = abi::current_group();
  abi::Simdgroup* simdgroup = group->current->simdgroup;
  T* values = reinterpret_cast<T*>(simdgroup->values[simdgroup->parity]);
  values[group->current->lane] = value;
  abi::meet(group, site, [&](abi::Simdgroup* s) SOFTMETAL_INLINE { complete(values, s); });
  return values;
}
template <class T>
inline T* gather(T value, abi::Site site) {
  return gather(value, site, [](T*, abi::Simdgroup*) SOFTMETAL_INLINE {});
}

// Folds the lanes pairwise, at distances 16, 8, 4, 2, 1.
template <class T, class Op>
__attribute__((noinline, nodebug)) void fold(T* values, abi::Simdgroup* simdgroup, Op op) {
  if (simdgroup->width == abi::kLanes) {
    for (unsigned i = 0; i < 16; ++i) values[i] = op(values[i], values[i + 16]);
    for (unsigned i = 0; i < 8; ++i) values[i] = op(values[i], values[i + 8]);
    for (unsigned i = 0; i < 4; ++i) values[i] = op(values[i], values[i + 4]);
    for (unsigned i = 0; i < 2; ++i) values[i] = op(values[i], values[i + 2]);
    values[0] = op(values[0], values[1]);
    return;
  }
  for (unsigned distance = 16; distance > 0; distance /= 2) {
    for (unsigned i = 0; i < distance && i + distance < simdgroup->width; ++i)
      values[i] = op(values[i], values[i + distance]);
  }
}
template <class T, class Op>
inline T reduce(T value, abi::Site site, Op op) {
  return *gather(value, site,
                 [&](T* values, abi::Simdgroup* s) SOFTMETAL_INLINE { fold(values, s, op); });
}

// Running results in lane order; `first` is the neutral element.
template <class T, class Op>
inline T scan(T value, abi::Site site, bool inclusive, T first, Op op) {
  T* values = gather(value, site, [&](T* all, abi::Simdgroup* s) SOFTMETAL_INLINE {
    T running = first;
    for (unsigned i = 0; i < s->width; ++i) {
      T next = op(running, all[i]);
      all[i] = inclusive ? next : running;
      running = next;
    }
  });
  return values[lane()];
}

// The value of another lane; of one that does not exist, all bits set.
template <class T>
inline T from_lane(T value, unsigned source, abi::Site site) {
  T* values = gather(value, site);
  if (source < simdgroup()->width) return values[source];
  T nothing;
  __builtin_memset(&nothing, 0xff, sizeof(T));
  return nothing;
}

inline unsigned long votes(bool value, abi::Site site) {
  unsigned char* all = gather(static_cast<unsigned char>(value), site);
  unsigned long mask = 0;
  for (unsigned i = 0; i < simdgroup()->width; ++i) mask |= static_cast<unsigned long>(all[i]) << i;
  return mask;
}
inline unsigned long everyone() { return (1ul << simdgroup()->width) - 1; }

}  // namespace softmetal

namespace metal {

enum class mem_flags : uint {
  mem_none = 0,
  mem_device = 1,
  mem_threadgroup = 2,
  mem_texture = 4,
  mem_threadgroup_imageblock = 8,
};
SOFTMETAL_INLINE constexpr mem_flags operator|(mem_flags a, mem_flags b) {
  return static_cast<mem_flags>(static_cast<uint>(a) | static_cast<uint>(b));
}

inline void threadgroup_barrier(mem_flags flags,
                                softmetal::abi::Site site = SOFTMETAL_HERE(threadgroup_barrier,
                                                                           0)) {
  site.where |= static_cast<uint>(flags);
  softmetal::abi::meet_group(softmetal::abi::current_group(), site);
}
inline void simdgroup_barrier(mem_flags flags,
                              softmetal::abi::Site site = SOFTMETAL_HERE(simdgroup_barrier, 0)) {
  site.where |= static_cast<uint>(flags);
  softmetal::abi::Group* group = softmetal::abi::current_group();
  softmetal::abi::meet(group, site, [&](softmetal::abi::Simdgroup* s) SOFTMETAL_INLINE {
    if (group->observed) group->calls.barrier(group, s, static_cast<uint>(flags));
  });
}

#define SOFTMETAL_REDUCTION(name, expression)                                                     \
  template <class T>                                                                              \
  inline T simd_##name(T x, SOFTMETAL_SITE) {                                                     \
    return softmetal::reduce(x, site, [](T a, T b) SOFTMETAL_INLINE -> T { return expression; }); \
  }
SOFTMETAL_REDUCTION(sum, a + b)
SOFTMETAL_REDUCTION(product, a* b)
SOFTMETAL_REDUCTION(max, __builtin_elementwise_max(a, b))
SOFTMETAL_REDUCTION(min, __builtin_elementwise_min(a, b))
SOFTMETAL_REDUCTION(and, a& b)
SOFTMETAL_REDUCTION(or, a | b)
SOFTMETAL_REDUCTION(xor, a ^ b)
#undef SOFTMETAL_REDUCTION

#define SOFTMETAL_SCAN(name, inclusive, first, expression)                             \
  template <class T>                                                                   \
  inline T simd_prefix_##name(T x, SOFTMETAL_SITE) {                                   \
    return softmetal::scan(x, site, inclusive, T(first),                               \
                           [](T a, T b) SOFTMETAL_INLINE -> T { return expression; }); \
  }
SOFTMETAL_SCAN(inclusive_sum, true, 0, a + b)
SOFTMETAL_SCAN(exclusive_sum, false, 0, a + b)
SOFTMETAL_SCAN(inclusive_product, true, 1, a* b)
SOFTMETAL_SCAN(exclusive_product, false, 1, a* b)
#undef SOFTMETAL_SCAN

template <class T>
inline T simd_shuffle(T x, ushort source, SOFTMETAL_SITE) {
  return softmetal::from_lane(x, source, site);
}
template <class T>
inline T simd_shuffle_xor(T x, ushort mask, SOFTMETAL_SITE) {
  return softmetal::from_lane(x, softmetal::lane() ^ mask, site);
}
template <class T>
inline T simd_shuffle_down(T x, ushort delta, SOFTMETAL_SITE) {
  return softmetal::from_lane(x, softmetal::lane() + delta, site);
}
template <class T>
inline T simd_shuffle_up(T x, ushort delta, SOFTMETAL_SITE) {
  return softmetal::from_lane(x, softmetal::lane() - delta, site);
}
template <class T>
inline T simd_shuffle_rotate_down(T x, ushort delta, SOFTMETAL_SITE) {
  return softmetal::from_lane(x, (softmetal::lane() + delta) % softmetal::simdgroup()->width, site);
}
template <class T>
inline T simd_shuffle_rotate_up(T x, ushort delta, SOFTMETAL_SITE) {
  unsigned width = softmetal::simdgroup()->width;
  return softmetal::from_lane(x, (softmetal::lane() + width - delta % width) % width, site);
}
template <class T>
inline T simd_broadcast(T x, ushort source, SOFTMETAL_SITE) {
  return softmetal::from_lane(x, source, site);
}
template <class T>
inline T simd_broadcast_first(T x, SOFTMETAL_SITE) {
  return softmetal::from_lane(x, 0, site);
}

// All threads of a simdgroup are active at every meeting point: anything else is divergence.
class simd_vote {
 public:
  typedef ulong vote_t;
  SOFTMETAL_INLINE constexpr explicit simd_vote(vote_t mask = 0) : mask_(mask) {}
  SOFTMETAL_INLINE constexpr explicit operator vote_t() const { return mask_; }
  SOFTMETAL_INLINE bool all() const { return mask_ == softmetal::everyone(); }
  SOFTMETAL_INLINE bool any() const { return mask_ != 0; }

 private:
  vote_t mask_;
};
inline simd_vote simd_ballot(bool x, SOFTMETAL_SITE) {
  return simd_vote(softmetal::votes(x, site));
}
inline simd_vote simd_active_threads_mask() { return simd_vote(softmetal::everyone()); }
inline bool simd_any(bool x, SOFTMETAL_SITE) { return softmetal::votes(x, site) != 0; }
inline bool simd_all(bool x, SOFTMETAL_SITE) {
  return softmetal::votes(x, site) == softmetal::everyone();
}
inline bool simd_is_first() { return softmetal::lane() == 0; }

template <class T>
inline T quad_broadcast(T x, ushort source, SOFTMETAL_SITE) {
  return softmetal::from_lane(x, (softmetal::lane() & ~3u) | (source & 3u), site);
}
template <class T>
inline T quad_shuffle(T x, ushort source, SOFTMETAL_SITE) {
  return softmetal::from_lane(x, (softmetal::lane() & ~3u) | (source & 3u), site);
}
template <class T>
inline T quad_shuffle_xor(T x, ushort mask, SOFTMETAL_SITE) {
  return softmetal::from_lane(x, softmetal::lane() ^ (mask & 3u), site);
}
template <class T>
inline T quad_sum(T x, SOFTMETAL_SITE) {
  T* all = softmetal::gather(x, site) + (softmetal::lane() & ~3u);
  return (all[0] + all[1]) + (all[2] + all[3]);
}
template <class T>
inline T quad_max(T x, SOFTMETAL_SITE) {
  T* all = softmetal::gather(x, site) + (softmetal::lane() & ~3u);
  return __builtin_elementwise_max(__builtin_elementwise_max(all[0], all[1]),
                                   __builtin_elementwise_max(all[2], all[3]));
}

}  // namespace metal
