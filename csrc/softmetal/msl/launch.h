// How the engine calls a kernel: its arguments are found by the kinds that the translator read from
// the signature, converted to the types that the compiler knows.
#pragma once

#include "abi.h"
#include "types.h"

namespace softmetal {

// A pointer or reference argument: what it refers to.
template <class T>
struct Target {
  using type = T;
  static constexpr bool bound = false;
};
template <class T>
struct Target<T*> {
  using type = T;
  static constexpr bool bound = true;
};
template <class T>
struct Target<T&> {
  using type = T;
  static constexpr bool bound = true;
};

template <class T>
inline T bind(void* address) {
  static_assert(Target<T>::bound, "a buffer argument is a pointer or a reference");
  using Type = typename Target<T>::type;
  if constexpr (__is_lvalue_reference(T)) {
    return *static_cast<Type*>(address);
  } else {
    return static_cast<Type*>(address);
  }
}

template <int Index>
struct Buffer {
  static constexpr int kind = 0, index = Index;
  template <class T>
  static inline T get(const abi::Group* group, const abi::Fiber*) {
    return bind<T>(group->buffers[Index]);
  }
};
template <int Index>
struct Threadgroup {
  static constexpr int kind = 1, index = Index;
  template <class T>
  static inline T get(const abi::Group* group, const abi::Fiber*) {
    return bind<T>(group->threadgroup[Index]);
  }
};

template <class T>
inline T position(unsigned x, unsigned y, unsigned z) {
  if constexpr (Shape<T>::lanes == 1) {
    return T(x);
  } else {
    using Scalar = typename Shape<T>::Scalar;
    T result;
    result[0] = static_cast<Scalar>(x);
    result[1] = static_cast<Scalar>(y);
    if constexpr (Shape<T>::lanes == 3) result[2] = static_cast<Scalar>(z);
    return result;
  }
}

// The arguments named after MSL's attributes.
#define SOFTMETAL_POSITION(name, x, y, z)                       \
  struct name {                                                 \
    static constexpr int kind = 2, index = 0;                   \
    template <class T>                                          \
    static inline T get([[maybe_unused]] const abi::Group* g,   \
                        [[maybe_unused]] const abi::Fiber* f) { \
      return position<T>(x, y, z);                              \
    }                                                           \
  };
namespace attribute {
SOFTMETAL_POSITION(thread_position_in_grid, f->grid_x, f->grid_y, f->grid_z)
SOFTMETAL_POSITION(thread_position_in_threadgroup, f->x, f->y, f->z)
SOFTMETAL_POSITION(threadgroup_position_in_grid, g->position[0], g->position[1], g->position[2])
SOFTMETAL_POSITION(threads_per_threadgroup, g->threads[0], g->threads[1], g->threads[2])
SOFTMETAL_POSITION(dispatch_threads_per_threadgroup, g->dispatched[0], g->dispatched[1],
                   g->dispatched[2])
SOFTMETAL_POSITION(threadgroups_per_grid, g->groups[0], g->groups[1], g->groups[2])
SOFTMETAL_POSITION(threads_per_grid, g->grid[0], g->grid[1], g->grid[2])
SOFTMETAL_POSITION(thread_index_in_threadgroup, f->index, 0, 0)
SOFTMETAL_POSITION(thread_index_in_simdgroup, f->lane, 0, 0)
SOFTMETAL_POSITION(thread_index_in_quadgroup, f->lane % 4, 0, 0)
SOFTMETAL_POSITION(simdgroup_index_in_threadgroup, f->simdgroup->index, 0, 0)
SOFTMETAL_POSITION(quadgroup_index_in_threadgroup, f->index / 4, 0, 0)
SOFTMETAL_POSITION(simdgroups_per_threadgroup, g->simdgroups, 0, 0)
SOFTMETAL_POSITION(threads_per_simdgroup, abi::kLanes, 0, 0)
SOFTMETAL_POSITION(thread_execution_width, abi::kLanes, 0, 0)
}  // namespace attribute
#undef SOFTMETAL_POSITION

template <auto Function, class Type, class... Sources>
struct Launcher;
template <auto Function, class... Types, class... Sources>
struct Launcher<Function, void (*)(Types...), Sources...> {
  SOFTMETAL_UNCHECKED __attribute__((noinline)) static void launch(const abi::Group* group,
                                                                   const abi::Fiber* fiber) {
    Function(Sources::template get<Types>(group, fiber)...);
  }
  static constexpr unsigned count = sizeof...(Types);

  // The bindings among the arguments, in order.
  struct Table {
    abi::Argument entries[count + 1];
    unsigned used;
  };
  template <class T, class Source>
  static constexpr void add(Table& table, const char* name) {
    if constexpr (Source::kind < 2) {
      using Type = typename Target<T>::type;
      if constexpr (__is_void(Type)) {
        table.entries[table.used++] = {name, Source::kind, Source::index, !__is_const(Type), 1, 1};
      } else {
        table.entries[table.used++] = {
            name, Source::kind, Source::index, !__is_const(Type), alignof(Type), sizeof(Type)};
      }
    }
  }
  template <class... Names>
  static constexpr Table table(Names... names) {
    Table result{};
    (add<Types, Sources>(result, names), ...);
    return result;
  }
};

// The code of a function constant's type: the order of softmetal::ScalarType.
template <class T>
struct ScalarCode;
#define SOFTMETAL_CODE(type, code)     \
  template <>                          \
  struct ScalarCode<type> {            \
    static constexpr int value = code; \
  };
SOFTMETAL_CODE(bool, 0)
SOFTMETAL_CODE(int, 1)
SOFTMETAL_CODE(uint, 2)
SOFTMETAL_CODE(short, 3)
SOFTMETAL_CODE(ushort, 4)
SOFTMETAL_CODE(float, 5)
#undef SOFTMETAL_CODE

}  // namespace softmetal
