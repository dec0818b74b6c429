// The exponential function over a vector type (simd_*.h). Internal linkage, see kernels_impl.h.
#pragma once

namespace {

// exp(x) within 2 units in the last place, for x clamped to -87.3 .. 88.3. x = n ln 2 + r with
// |r| <= ln 2 / 2, exp(r) by its Taylor series to r^7 (the next term is below 6e-9).
template <class V>
typename V::Vec exp(typename V::Vec x) {
  using Vec = typename V::Vec;
  const Vec clamped = V::min(V::max(x, V::set(-87.3f)), V::set(88.3f));
  const Vec n = V::round(V::mul(clamped, V::set(1.44269504f)));
  // ln 2 in two parts; n times the first is exact.
  Vec r = V::fma(n, V::set(-0.693145752f), clamped);
  r = V::fma(n, V::set(-1.42860682e-6f), r);
  Vec p = V::set(1.0f / 5040);
  p = V::fma(p, r, V::set(1.0f / 720));
  p = V::fma(p, r, V::set(1.0f / 120));
  p = V::fma(p, r, V::set(1.0f / 24));
  p = V::fma(p, r, V::set(1.0f / 6));
  p = V::fma(p, r, V::set(0.5f));
  p = V::fma(p, r, V::set(1.0f));
  p = V::fma(p, r, V::set(1.0f));
  return V::mul(p, V::pow2(n));
}

}  // namespace
