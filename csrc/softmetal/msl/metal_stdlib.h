// Stands in for <metal_stdlib>: the translated text begins with this header. Its functions carry no
// debug information, so that their instructions count as those of the line that calls them.
#pragma once

// Not instrumented.
#define SOFTMETAL_UNCHECKED \
  __attribute__((no_sanitize("kernel-address"), no_sanitize("coverage"), nodebug))

#include "abi.h"
#include "fiber.h"
#define inline inline SOFTMETAL_INLINE
#include "atomic.h"
#include "integer.h"
#include "launch.h"
#include "math.h"
#include "matrix.h"
#include "simd.h"
#include "traits.h"
#include "types.h"
#undef inline
#ifdef SOFTMETAL_CHECKED
#include "access.h"
#endif
#include "module.h"

// Keywords. The lint build gives pointers their address spaces; the others don't know them.
#ifdef SOFTMETAL_LINT
#define device __attribute__((address_space(1)))
#define constant __attribute__((address_space(2))) const
#define threadgroup __attribute__((address_space(3)))
#define SOFTMETAL_KERNEL
#define SOFTMETAL_FUNCTION_CONSTANT static const volatile
#else
#define device
#define constant const
#define threadgroup
#define SOFTMETAL_KERNEL __attribute__((noinline))
#define SOFTMETAL_FUNCTION_CONSTANT
#endif
#define thread

// float4(x, y, z, w) and static_cast<float4>(bfloat4) are not C++ for clang's vectors.
#define static_cast softmetal::cast
#include "constructors.h"
