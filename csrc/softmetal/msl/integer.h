// <metal_integer>: bits of whole numbers, for scalars and vectors.
#pragma once

#include "types.h"

namespace softmetal {

template <class T, class F>
inline T each(T x, F function) {
  if constexpr (Shape<T>::lanes == 1) {
    return T(function(x));
  } else {
    T result;
    for (int i = 0; i < Shape<T>::lanes; ++i)
      result[i] = static_cast<typename Shape<T>::Scalar>(function(x[i]));
    return result;
  }
}

template <class T>
inline unsigned long bits(T x) {
  unsigned long mask = ~0ul >> (64 - 8 * sizeof(T));
  return static_cast<unsigned long>(x) & mask;
}

}  // namespace softmetal

namespace metal {

template <class T>
inline T popcount(T x) {
  return softmetal::each(
      x, [](auto v) SOFTMETAL_INLINE { return __builtin_popcountl(softmetal::bits(v)); });
}
template <class T>
inline T clz(T x) {
  return softmetal::each(x, [](auto v) SOFTMETAL_INLINE {
    int width = 8 * sizeof(v);
    unsigned long all = softmetal::bits(v);
    return all == 0 ? width : __builtin_clzl(all) - (64 - width);
  });
}
template <class T>
inline T ctz(T x) {
  return softmetal::each(x, [](auto v) SOFTMETAL_INLINE {
    unsigned long all = softmetal::bits(v);
    return all == 0 ? int(8 * sizeof(v)) : __builtin_ctzl(all);
  });
}
template <class T>
inline T reverse_bits(T x) {
  return __builtin_elementwise_bitreverse(x);
}
template <class T>
inline T rotate(T x, T by) {
  constexpr int width = 8 * sizeof(typename softmetal::Shape<T>::Scalar);
  T left = by & T(width - 1);
  return (x << left) | (x >> ((T(width) - left) & T(width - 1)));
}
inline int mulhi(int x, int y) { return int(long(x) * y >> 32); }
inline uint mulhi(uint x, uint y) { return uint(ulong(x) * y >> 32); }
inline int mul24(int x, int y) { return x * y; }
inline uint mul24(uint x, uint y) { return x * y; }
inline int mad24(int x, int y, int z) { return x * y + z; }
inline uint mad24(uint x, uint y, uint z) { return x * y + z; }
template <class T>
inline T addsat(T x, T y) {
  return __builtin_elementwise_add_sat(x, y);
}
template <class T>
inline T subsat(T x, T y) {
  return __builtin_elementwise_sub_sat(x, y);
}
template <class T>
inline T absdiff(T x, T y) {
  return x > y ? x - y : y - x;
}
inline uint extract_bits(uint x, uint offset, uint count) {
  return count == 0 ? 0 : x >> offset & (~0u >> (32 - count));
}
inline int extract_bits(int x, uint offset, uint count) {
  return count == 0 ? 0 : int(uint(x) << (32 - offset - count)) >> (32 - count);
}
inline uint insert_bits(uint base, uint insert, uint offset, uint count) {
  uint mask = count == 0 ? 0 : ~0u >> (32 - count) << offset;
  return (base & ~mask) | (insert << offset & mask);
}

}  // namespace metal
