// <metal_atomic>: relaxed atomics on device and threadgroup memory.
#pragma once

#include "abi.h"
#include "traits.h"

namespace metal {

enum memory_order { memory_order_relaxed };

template <class T>
struct atomic {
  static_assert(sizeof(T) == 4 || __is_same(T, bool), "Metal 3.1 has 32-bit atomics on every chip");
  T value;
};
typedef atomic<int> atomic_int;
typedef atomic<uint> atomic_uint;
typedef atomic<float> atomic_float;
typedef atomic<bool> atomic_bool;

}  // namespace metal

namespace softmetal {

template <class Object>
using Atomic = decltype(Object()->value);
template <int Bytes>
using Bits = metal::conditional_t<Bytes == 1, uchar, uint>;
// In checked modules: tells of an atomic access, at the line that calls the atomic function.
template <class Object>
inline void note_atomic([[maybe_unused]] Object object, [[maybe_unused]] bool write) {
#ifdef SOFTMETAL_CHECKED
  unsigned long pc;
#if defined(__x86_64__)
  __asm__ volatile("leaq 0(%%rip), %0" : "=r"(pc));
#else
  __asm__ volatile("adr %0, ." : "=r"(pc));
#endif
  abi::current_group()->calls.access(pc, &object->value, sizeof(object->value), write, 1);
#endif
}

// clang's generic atomics take pointers of one address space only; the lint build has several.
template <class Object>
inline Atomic<Object> load(Object object) {
#if defined(SOFTMETAL_LINT)
  return object->value;
#elif defined(SOFTMETAL_CHECKED)
  // clang reports atomic loads and stores as if they were plain, but not read-modify-writes.
  auto bits = __atomic_fetch_or(reinterpret_cast<Bits<sizeof(object->value)>*>(&object->value), 0,
                                __ATOMIC_RELAXED);
  return __builtin_bit_cast(Atomic<Object>, bits);
#else
  Atomic<Object> value;
  __atomic_load(&object->value, &value, __ATOMIC_RELAXED);
  return value;
#endif
}
template <class Object>
inline void store(Object object, Atomic<Object> value) {
#if defined(SOFTMETAL_LINT)
  object->value = value;
#elif defined(SOFTMETAL_CHECKED)
  Atomic<Object> old;
  __atomic_exchange(&object->value, &value, &old, __ATOMIC_RELAXED);
#else
  __atomic_store(&object->value, &value, __ATOMIC_RELAXED);
#endif
}
// Stores `next` if the value is `expected`, else sets `expected` to it.
template <class Object>
inline bool replace(Object object, Atomic<Object>& expected, Atomic<Object> next) {
#ifdef SOFTMETAL_LINT
  expected = object->value;
  object->value = next;
  return true;
#else
  return __atomic_compare_exchange(&object->value, &expected, &next, true, __ATOMIC_RELAXED,
                                   __ATOMIC_RELAXED);
#endif
}

template <class Object, class Op>
inline Atomic<Object> exchange_with(Object object, Op op) {
  note_atomic(object, true);
  Atomic<Object> old = load(object), next;
  do {
    next = op(old);
  } while (!replace(object, old, next));
  return old;
}

}  // namespace softmetal

namespace metal {

template <class Object>
inline softmetal::Atomic<Object> atomic_load_explicit(Object object, memory_order) {
  softmetal::note_atomic(object, false);
  return softmetal::load(object);
}
template <class Object>
inline void atomic_store_explicit(Object object, softmetal::Atomic<Object> value, memory_order) {
  softmetal::note_atomic(object, true);
  softmetal::store(object, value);
}
template <class Object>
inline softmetal::Atomic<Object> atomic_exchange_explicit(Object object,
                                                          softmetal::Atomic<Object> value,
                                                          memory_order) {
  return softmetal::exchange_with(object, [=](auto) SOFTMETAL_INLINE { return value; });
}
template <class Object, class Expected>
inline bool atomic_compare_exchange_weak_explicit(Object object, Expected expected,
                                                  softmetal::Atomic<Object> desired, memory_order,
                                                  memory_order) {
  softmetal::note_atomic(object, true);
  softmetal::Atomic<Object> found = *expected;
  bool done = softmetal::replace(object, found, desired);
  *expected = found;
  return done;
}

#define SOFTMETAL_FETCH(name, expression)                                                   \
  template <class Object>                                                                   \
  inline softmetal::Atomic<Object> atomic_fetch_##name##_explicit(                          \
      Object object, softmetal::Atomic<Object> b, memory_order) {                           \
    using T = softmetal::Atomic<Object>;                                                    \
    return softmetal::exchange_with(object,                                                 \
                                    [=](T a) SOFTMETAL_INLINE -> T { return expression; }); \
  }
SOFTMETAL_FETCH(add, a + b)
SOFTMETAL_FETCH(sub, a - b)
SOFTMETAL_FETCH(max, a > b ? a : b)
SOFTMETAL_FETCH(min, a < b ? a : b)
SOFTMETAL_FETCH(and, a& b)
SOFTMETAL_FETCH(or, a | b)
SOFTMETAL_FETCH(xor, a ^ b)
#undef SOFTMETAL_FETCH

}  // namespace metal
