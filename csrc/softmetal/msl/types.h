// MSL's scalar, vector and packed types, conversions between vectors, and address spaces' names.
#pragma once

#include "abi.h"

typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;
typedef signed char int8_t;
typedef short int16_t;
typedef int int32_t;
typedef long int64_t;
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long uint64_t;
typedef unsigned long uintptr_t;
typedef long intptr_t;
typedef _Float16 half;
typedef __bf16 bfloat;

namespace metal {
template <class T, int N>
using vec = T __attribute__((ext_vector_type(N)));
}

#ifdef SOFTMETAL_LINT
#define SOFTMETAL_PACKED3(T) typedef T packed_##T##3 __attribute__((ext_vector_type(3)));
#else
#define SOFTMETAL_PACKED3(T)                                                           \
  struct packed_##T##3 {                                                               \
    T x, y, z;                                                                         \
    packed_##T##3() = default;                                                         \
    SOFTMETAL_INLINE packed_##T##3(T##3 v) : x(v.x), y(v.y), z(v.z) {}                 \
    SOFTMETAL_INLINE packed_##T##3(T a, T b, T c) : x(a), y(b), z(c) {}                \
    SOFTMETAL_INLINE operator T##3() const { return T##3 {x, y, z}; }                  \
    SOFTMETAL_INLINE T operator[](int i) const { return i == 0 ? x : i == 1 ? y : z; } \
    SOFTMETAL_INLINE T& operator[](int i) { return i == 0 ? x : i == 1 ? y : z; }      \
  };
#endif

// `packed_` vectors have the alignment of their scalar.
#define SOFTMETAL_VECTORS(T)                                                       \
  typedef T T##2 __attribute__((ext_vector_type(2)));                              \
  typedef T T##3 __attribute__((ext_vector_type(3)));                              \
  typedef T T##4 __attribute__((ext_vector_type(4)));                              \
  typedef T packed_##T##2 __attribute__((ext_vector_type(2), aligned(sizeof(T)))); \
  typedef T packed_##T##4 __attribute__((ext_vector_type(4), aligned(sizeof(T)))); \
  SOFTMETAL_PACKED3(T)

SOFTMETAL_VECTORS(char)
SOFTMETAL_VECTORS(uchar)
SOFTMETAL_VECTORS(short)
SOFTMETAL_VECTORS(ushort)
SOFTMETAL_VECTORS(int)
SOFTMETAL_VECTORS(uint)
SOFTMETAL_VECTORS(long)
SOFTMETAL_VECTORS(ulong)
SOFTMETAL_VECTORS(half)
SOFTMETAL_VECTORS(bfloat)
SOFTMETAL_VECTORS(float)
typedef bool bool2 __attribute__((ext_vector_type(2)));
typedef bool bool3 __attribute__((ext_vector_type(3)));
typedef bool bool4 __attribute__((ext_vector_type(4)));
#undef SOFTMETAL_VECTORS
#undef SOFTMETAL_PACKED3

SOFTMETAL_INLINE consteval half operator""h(long double value) { return static_cast<half>(value); }
SOFTMETAL_INLINE constexpr bfloat operator"" bf(long double value) {
  return static_cast<bfloat>(static_cast<float>(value));
}

namespace softmetal {

// What a vector is made of; a scalar counts as one lane.
template <class T>
struct Shape {
  using Scalar = T;
  static constexpr int lanes = 1;
};
template <class T, int N>
struct Shape<T __attribute__((ext_vector_type(N)))> {
  using Scalar = T;
  static constexpr int lanes = N;
};

template <class V, class T>
inline void append(V& result, int& at, T value) {
  using To = typename Shape<V>::Scalar;
  if constexpr (Shape<T>::lanes == 1) {
    result[at++] = static_cast<To>(value);
  } else {
    for (int i = 0; i < Shape<T>::lanes; ++i) result[at++] = static_cast<To>(value[i]);
  }
}

// V(values…): a splat, a conversion, or the concatenation of scalars and vectors.
template <class V>
inline V make() {
  return V(0);
}
template <class V, class T>
inline V make(T value) {
  if constexpr (Shape<T>::lanes == 1) {
    return V(static_cast<typename Shape<V>::Scalar>(value));
  } else {
    static_assert(Shape<T>::lanes == Shape<V>::lanes, "the vectors have different lengths");
    return __builtin_convertvector(value, V);
  }
}
template <class V, class A, class B, class... More>
inline V make(A a, B b, More... more) {
  static_assert(
      Shape<A>::lanes + Shape<B>::lanes + (Shape<More>::lanes + ... + 0) == Shape<V>::lanes,
      "a vector needs as many components as it has lanes");
  V result;
  int at = 0;
  append(result, at, a);
  append(result, at, b);
  (append(result, at, more), ...);
  return result;
}

template <class To, class From>
inline To cast(From value) {
  if constexpr (Shape<To>::lanes > 1) {
    return make<To>(value);
  } else {
    return To(value);
  }
}

}  // namespace softmetal
