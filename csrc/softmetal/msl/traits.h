// <metal_limits>, <metal_type_traits>, <metal_array> and the constants of <metal_math>.
#pragma once

#include "abi.h"
#include "types.h"

#define INFINITY (__builtin_inff())
#define NAN (__builtin_nanf(""))
#define HUGE_VALF (__builtin_inff())
#define MAXFLOAT 3.40282347e38f
#define MAXHALF (half(65504.0f))
#define M_PI_F 3.14159265358979323846f
#define M_PI_2_F 1.57079632679489661923f
#define M_1_PI_F 0.31830988618379067154f
#define M_2_PI_F 0.63661977236758134308f
#define M_E_F 2.71828182845904523536f
#define M_LOG2E_F 1.44269504088896340736f
#define M_LOG10E_F 0.43429448190325182765f
#define M_LN2_F 0.69314718055994530942f
#define M_LN10_F 2.30258509299404568402f
#define M_SQRT2_F 1.41421356237309504880f
#define M_SQRT1_2_F 0.70710678118654752440f
#define FLT_MAX 3.40282347e38f
#define FLT_MIN 1.17549435e-38f
#define FLT_EPSILON 1.19209290e-7f
#define HALF_MAX (half(65504.0f))
#define HALF_MIN (half(6.103515625e-05f))
#define HALF_EPSILON (half(0.0009765625f))
#define CHAR_BIT 8
#define INT_MAX 2147483647
#define INT_MIN (-2147483647 - 1)
#define UINT_MAX 4294967295u

namespace metal {

template <class T>
struct numeric_limits {
  static constexpr bool is_specialized = true, is_integer = true;
  static constexpr bool is_signed = T(-1) < T(0);
  static constexpr int digits = 8 * sizeof(T) - (is_signed ? 1 : 0);
  SOFTMETAL_INLINE static constexpr T max() { return T(~0ul >> (64 - digits)); }
  SOFTMETAL_INLINE static constexpr T min() {
    return T(-max() - (is_signed ? 1 : 0)) * T(is_signed);
  }
  SOFTMETAL_INLINE static constexpr T lowest() { return min(); }
};

#define SOFTMETAL_LIMITS(T, bits, largest, smallest, eps, pattern)                                 \
  template <>                                                                                      \
  struct numeric_limits<T> {                                                                       \
    static constexpr bool is_specialized = true, is_integer = false;                               \
    static constexpr bool is_signed = true, has_infinity = true;                                   \
    static constexpr int digits = bits;                                                            \
    SOFTMETAL_INLINE static constexpr T max() { return T(largest); }                               \
    SOFTMETAL_INLINE static constexpr T lowest() { return T(-largest); }                           \
    SOFTMETAL_INLINE static constexpr T min() { return T(smallest); }                              \
    SOFTMETAL_INLINE static constexpr T epsilon() { return T(eps); }                               \
    SOFTMETAL_INLINE static constexpr T infinity() { return T(__builtin_inff()); }                 \
    SOFTMETAL_INLINE static constexpr T quiet_NaN() { return T(__builtin_nanf("")); }              \
    SOFTMETAL_INLINE static constexpr T denorm_min() { return __builtin_bit_cast(T, pattern(1)); } \
  };
SOFTMETAL_LIMITS(float, 24, FLT_MAX, FLT_MIN, FLT_EPSILON, uint)
SOFTMETAL_LIMITS(half, 11, 65504.0f, 6.103515625e-05f, 0.0009765625f, ushort)
SOFTMETAL_LIMITS(bfloat, 8, 3.38953139e38f, FLT_MIN, 0.0078125f, ushort)
#undef SOFTMETAL_LIMITS

template <bool B, class T = void>
struct enable_if {};
template <class T>
struct enable_if<true, T> {
  using type = T;
};
template <bool B, class T = void>
using enable_if_t = typename enable_if<B, T>::type;
template <bool B, class T, class F>
struct conditional {
  using type = T;
};
template <class T, class F>
struct conditional<false, T, F> {
  using type = F;
};
template <bool B, class T, class F>
using conditional_t = typename conditional<B, T, F>::type;
template <class A, class B>
constexpr bool is_same_v = __is_same(A, B);
template <class T>
constexpr bool is_floating_point_v =
    is_same_v<T, float> || is_same_v<T, half> || is_same_v<T, bfloat>;
template <class T>
constexpr bool is_integral_v = __is_integral(T);
template <class T>
constexpr bool is_signed_v = T(-1) < T(0);
template <class A, class B>
struct is_same {
  static constexpr bool value = __is_same(A, B);
};
template <class T>
using remove_cv_t = __remove_cv(T);
template <class T>
using remove_reference_t = __remove_reference_t(T);

template <class T, size_t N>
struct array {
  T elements[N];
  SOFTMETAL_INLINE constexpr T& operator[](size_t i) { return elements[i]; }
  SOFTMETAL_INLINE constexpr const T& operator[](size_t i) const { return elements[i]; }
  SOFTMETAL_INLINE static constexpr size_t size() { return N; }
};

}  // namespace metal
