// <metal_math>, <metal_common>, <metal_geometric>, <metal_relational>: for scalars and vectors.
#pragma once

#include "types.h"

namespace metal {

#define SOFTMETAL_UNARY(name, builtin) \
  template <class T>                   \
  inline T name(T x) {                 \
    return builtin(x);                 \
  }
#define SOFTMETAL_BINARY(name, builtin) \
  template <class T>                    \
  inline T name(T x, T y) {             \
    return builtin(x, y);               \
  }

#define SOFTMETAL_MATH                                   \
  SOFTMETAL_UNARY(sin, __builtin_elementwise_sin)        \
  SOFTMETAL_UNARY(cos, __builtin_elementwise_cos)        \
  SOFTMETAL_UNARY(tan, __builtin_elementwise_tan)        \
  SOFTMETAL_UNARY(asin, __builtin_elementwise_asin)      \
  SOFTMETAL_UNARY(acos, __builtin_elementwise_acos)      \
  SOFTMETAL_UNARY(atan, __builtin_elementwise_atan)      \
  SOFTMETAL_UNARY(sinh, __builtin_elementwise_sinh)      \
  SOFTMETAL_UNARY(cosh, __builtin_elementwise_cosh)      \
  SOFTMETAL_UNARY(tanh, __builtin_elementwise_tanh)      \
  SOFTMETAL_UNARY(exp, __builtin_elementwise_exp)        \
  SOFTMETAL_UNARY(exp2, __builtin_elementwise_exp2)      \
  SOFTMETAL_UNARY(exp10, __builtin_elementwise_exp10)    \
  SOFTMETAL_UNARY(log, __builtin_elementwise_log)        \
  SOFTMETAL_UNARY(log2, __builtin_elementwise_log2)      \
  SOFTMETAL_UNARY(log10, __builtin_elementwise_log10)    \
  SOFTMETAL_UNARY(sqrt, __builtin_elementwise_sqrt)      \
  SOFTMETAL_UNARY(fabs, __builtin_elementwise_abs)       \
  SOFTMETAL_UNARY(ceil, __builtin_elementwise_ceil)      \
  SOFTMETAL_UNARY(floor, __builtin_elementwise_floor)    \
  SOFTMETAL_UNARY(trunc, __builtin_elementwise_trunc)    \
  SOFTMETAL_UNARY(round, __builtin_elementwise_round)    \
  SOFTMETAL_UNARY(rint, __builtin_elementwise_roundeven) \
  SOFTMETAL_BINARY(pow, __builtin_elementwise_pow)       \
  SOFTMETAL_BINARY(powr, __builtin_elementwise_pow)      \
  SOFTMETAL_BINARY(atan2, __builtin_elementwise_atan2)   \
  SOFTMETAL_BINARY(fmod, __builtin_elementwise_fmod)     \
  SOFTMETAL_BINARY(fmax, __builtin_elementwise_max)      \
  SOFTMETAL_BINARY(fmin, __builtin_elementwise_min)      \
  template <class T>                                     \
  inline T rsqrt(T x) {                                  \
    return T(1) / __builtin_elementwise_sqrt(x);         \
  }                                                      \
  template <class T>                                     \
  inline T divide(T x, T y) {                            \
    return x / y;                                        \
  }                                                      \
  template <class T, class Result>                       \
  inline T sincos(T x, Result& cosine) {                 \
    cosine = __builtin_elementwise_cos(x);               \
    return __builtin_elementwise_sin(x);                 \
  }

SOFTMETAL_MATH
// Both are as exact as the C library; what Apple's fast variants lose is judged on a Mac.
namespace fast {
SOFTMETAL_MATH
}
namespace precise {
SOFTMETAL_MATH
}
#undef SOFTMETAL_MATH
#undef SOFTMETAL_UNARY
#undef SOFTMETAL_BINARY

template <class T>
inline T abs(T x) {
  if constexpr (T(-1) > T(0)) {
    return x;
  } else {
    return __builtin_elementwise_abs(x);
  }
}
template <class T, int N>
inline vec<T, N> abs(vec<T, N> x) {
  if constexpr (T(-1) > T(0)) {
    return x;
  } else {
    return __builtin_elementwise_abs(x);
  }
}

template <class T>
inline T max(T x, T y) {
  return __builtin_elementwise_max(x, y);
}
template <class T, int N>
inline vec<T, N> max(vec<T, N> x, T y) {
  return __builtin_elementwise_max(x, vec<T, N>(y));
}
template <class T>
inline T min(T x, T y) {
  return __builtin_elementwise_min(x, y);
}
template <class T, int N>
inline vec<T, N> min(vec<T, N> x, T y) {
  return __builtin_elementwise_min(x, vec<T, N>(y));
}
template <class T>
inline T max3(T x, T y, T z) {
  return max(x, max(y, z));
}
template <class T>
inline T min3(T x, T y, T z) {
  return min(x, min(y, z));
}
template <class T>
inline T median3(T x, T y, T z) {
  return max(min(x, y), min(max(x, y), z));
}
template <class T>
inline T clamp(T x, T low, T high) {
  return min(max(x, low), high);
}
template <class T, int N>
inline vec<T, N> clamp(vec<T, N> x, T low, T high) {
  return min(max(x, vec<T, N>(low)), vec<T, N>(high));
}
template <class T>
inline T saturate(T x) {
  return min(max(x, T(0)), T(1));
}
template <class T>
inline T fma(T x, T y, T z) {
  return __builtin_elementwise_fma(x, y, z);
}
template <class T>
inline T mix(T x, T y, T a) {
  return x + (y - x) * a;
}
template <class T, int N>
inline vec<T, N> mix(vec<T, N> x, vec<T, N> y, T a) {
  return x + (y - x) * vec<T, N>(a);
}
template <class T>
inline T copysign(T x, T y) {
  return __builtin_elementwise_copysign(x, y);
}
template <class T>
inline T fract(T x) {
  return x - floor(x);
}
template <class T>
inline T fdim(T x, T y) {
  return max(x - y, T(0));
}
template <class T>
inline T sign(T x) {
  if constexpr (softmetal::Shape<T>::lanes == 1) {
    return x > T(0) ? T(1) : x < T(0) ? T(-1) : x == T(0) ? x : T(0);
  } else {
    T result;
    for (int i = 0; i < softmetal::Shape<T>::lanes; ++i) result[i] = sign(x[i]);
    return result;
  }
}
template <class T>
inline T step(T edge, T x) {
  return select(T(1), T(0), x < edge);
}
template <class T>
inline T smoothstep(T low, T high, T x) {
  T t = saturate((x - low) / (high - low));
  return t * t * (T(3) - T(2) * t);
}
inline float ldexp(float x, int exponent) { return __builtin_ldexpf(x, exponent); }
inline half ldexp(half x, int exponent) { return half(__builtin_ldexpf(x, exponent)); }
template <class Result>
inline float frexp(float x, Result& exponent) {
  int power;
  float fraction = __builtin_frexpf(x, &power);
  exponent = power;
  return fraction;
}
template <class Result>
inline float modf(float x, Result& whole) {
  whole = trunc(x);
  return x - whole;
}
inline float sinpi(float x) { return float(__builtin_sin(3.14159265358979323846L * x)); }
inline float cospi(float x) { return float(__builtin_cos(3.14159265358979323846L * x)); }

template <class T>
inline bool isnan(T x) {
  return x != x;
}
template <class T>
inline bool isinf(T x) {
  return __builtin_isinf(float(x));
}
template <class T>
inline bool isfinite(T x) {
  return __builtin_isfinite(float(x));
}
template <class T>
inline bool isnormal(T x) {
  return __builtin_isnormal(x);
}
inline bool signbit(float x) { return __builtin_signbit(x); }

// c ? b : a, lane by lane.
template <class T, class C>
inline T select(T a, T b, C c) {
  if constexpr (softmetal::Shape<T>::lanes == 1 || softmetal::Shape<C>::lanes == 1) {
    return c ? b : a;
  } else {
    T result;
    for (int i = 0; i < softmetal::Shape<T>::lanes; ++i) result[i] = c[i] ? b[i] : a[i];
    return result;
  }
}
template <class T>
inline bool any(T x) {
  if constexpr (softmetal::Shape<T>::lanes == 1) {
    return bool(x);
  } else {
    bool result = false;
    for (int i = 0; i < softmetal::Shape<T>::lanes; ++i) result |= bool(x[i]);
    return result;
  }
}
template <class T>
inline bool all(T x) {
  if constexpr (softmetal::Shape<T>::lanes == 1) {
    return bool(x);
  } else {
    bool result = true;
    for (int i = 0; i < softmetal::Shape<T>::lanes; ++i) result &= bool(x[i]);
    return result;
  }
}

template <class T, int N>
inline T dot(vec<T, N> x, vec<T, N> y) {
  T sum = x[0] * y[0];
  for (int i = 1; i < N; ++i) sum += x[i] * y[i];
  return sum;
}
template <class T, int N>
inline T length_squared(vec<T, N> x) {
  return dot(x, x);
}
template <class T, int N>
inline T length(vec<T, N> x) {
  return sqrt(dot(x, x));
}
template <class T, int N>
inline T distance(vec<T, N> x, vec<T, N> y) {
  return length(x - y);
}
template <class T, int N>
inline vec<T, N> normalize(vec<T, N> x) {
  return x * vec<T, N>(rsqrt(dot(x, x)));
}
template <class T>
inline vec<T, 3> cross(vec<T, 3> x, vec<T, 3> y) {
  return x.yzx * y.zxy - x.zxy * y.yzx;
}

template <class To, class From>
inline To as_type(From value) {
  static_assert(sizeof(To) == sizeof(From), "as_type keeps the size");
  return __builtin_bit_cast(To, value);
}

}  // namespace metal
using metal::as_type;
