// <metal_simdgroup_matrix>: 8x8 matrices, two elements per lane, laid out as Apple's GPUs do.
#pragma once

#include "simd.h"

namespace softmetal {

inline unsigned matrix_row(unsigned lane) { return (lane >> 4 & 1) * 4 + (lane >> 1 & 3); }
inline unsigned matrix_column(unsigned lane) { return (lane >> 3 & 1) * 4 + (lane & 1) * 2; }

typedef float Row __attribute__((ext_vector_type(8)));

// d = a b + c in float32, k ascending, products and sums rounded apart.
__attribute__((noinline, nodebug, unused)) static void multiply_accumulate(
    abi::Simdgroup* simdgroup) {
  const Row* b = reinterpret_cast<const Row*>(simdgroup->b);
  for (unsigned row = 0; row < 8; ++row) {
    Row sum = reinterpret_cast<const Row*>(simdgroup->c)[row];
    for (unsigned k = 0; k < 8; ++k) sum += Row(simdgroup->a[row * 8 + k]) * b[k];
    reinterpret_cast<Row*>(simdgroup->d)[row] = sum;
  }
}

}  // namespace softmetal

namespace metal {

template <class T, int Columns, int Rows>
struct simdgroup_matrix {
  static_assert(Columns == 8 && Rows == 8, "simdgroup matrices are 8x8");
  vec<T, 2> elements;

  simdgroup_matrix() = default;
  // `value` on the diagonal, zero elsewhere.
  SOFTMETAL_INLINE explicit simdgroup_matrix(T value) {
    unsigned row = softmetal::matrix_row(softmetal::lane());
    unsigned column = softmetal::matrix_column(softmetal::lane());
    elements[0] = row == column ? value : T(0);
    elements[1] = row == column + 1 ? value : T(0);
  }
  // Row (l >> 4 & 1) * 4 + (l >> 1 & 3), columns c and c + 1, c = (l >> 3 & 1) * 4 + (l & 1) * 2.
  SOFTMETAL_INLINE vec<T, 2>& thread_elements() { return elements; }
  SOFTMETAL_INLINE const vec<T, 2>& thread_elements() const { return elements; }
};
typedef simdgroup_matrix<float, 8, 8> simdgroup_float8x8;
typedef simdgroup_matrix<half, 8, 8> simdgroup_half8x8;
typedef simdgroup_matrix<bfloat, 8, 8> simdgroup_bfloat8x8;

template <class T, int Columns, int Rows>
inline simdgroup_matrix<T, Columns, Rows> make_filled_simdgroup_matrix(T value) {
  simdgroup_matrix<T, Columns, Rows> result;
  result.elements = vec<T, 2>(value);
  return result;
}
template <class T, int Columns, int Rows>
inline simdgroup_matrix<T, Columns, Rows> make_diagonal_simdgroup_matrix(T value) {
  return simdgroup_matrix<T, Columns, Rows>(value);
}

// `origin` = (column, row) in memory.
template <class T, class Pointer>
inline void simdgroup_load(simdgroup_matrix<T, 8, 8>& m, Pointer source, ulong stride = 8,
                           ulong2 origin = 0, bool transpose = false) {
  static_assert(__is_same(__remove_cv(__remove_reference_t(decltype(T(*source)))), T), "same type");
  ulong row = softmetal::matrix_row(softmetal::lane());
  ulong column = softmetal::matrix_column(softmetal::lane());
  source += origin.y * stride + origin.x;
  if (transpose) {
    m.elements[0] = source[column * stride + row];
    m.elements[1] = source[(column + 1) * stride + row];
  } else {
    m.elements[0] = source[row * stride + column];
    m.elements[1] = source[row * stride + column + 1];
  }
}
template <class T, class Pointer>
inline void simdgroup_store(const simdgroup_matrix<T, 8, 8>& m, Pointer target, ulong stride = 8,
                            ulong2 origin = 0, bool transpose = false) {
  ulong row = softmetal::matrix_row(softmetal::lane());
  ulong column = softmetal::matrix_column(softmetal::lane());
  target += origin.y * stride + origin.x;
  if (transpose) {
    target[column * stride + row] = m.elements[0];
    target[(column + 1) * stride + row] = m.elements[1];
  } else {
    target[row * stride + column] = m.elements[0];
    target[row * stride + column + 1] = m.elements[1];
  }
}

template <class D, class A, class B, class C>
inline void simdgroup_multiply_accumulate(simdgroup_matrix<D, 8, 8>& d,
                                          const simdgroup_matrix<A, 8, 8>& a,
                                          const simdgroup_matrix<B, 8, 8>& b,
                                          const simdgroup_matrix<C, 8, 8>& c, SOFTMETAL_SITE) {
  softmetal::abi::Group* group = softmetal::abi::current_group();
  softmetal::abi::Simdgroup* s = group->current->simdgroup;
  unsigned lane = group->current->lane;
  unsigned at = softmetal::matrix_row(lane) * 8 + softmetal::matrix_column(lane);
  *reinterpret_cast<float2*>(s->a + at) = __builtin_convertvector(a.elements, float2);
  *reinterpret_cast<float2*>(s->b + at) = __builtin_convertvector(b.elements, float2);
  *reinterpret_cast<float2*>(s->c + at) = __builtin_convertvector(c.elements, float2);
  softmetal::abi::meet(group, site, softmetal::multiply_accumulate);
  typedef vec<D, 2> Pair;
  d.elements = __builtin_convertvector(*reinterpret_cast<const float2*>(s->d + at), Pair);
}
template <class D, class A, class B>
inline void simdgroup_multiply(simdgroup_matrix<D, 8, 8>& d, const simdgroup_matrix<A, 8, 8>& a,
                               const simdgroup_matrix<B, 8, 8>& b, SOFTMETAL_SITE) {
  simdgroup_multiply_accumulate(d, a, b, make_filled_simdgroup_matrix<float, 8, 8>(0.0f), site);
}

}  // namespace metal
