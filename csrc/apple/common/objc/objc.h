// Names of the Objective-C runtime's basic types, as far as metal-cpp uses them. In place of
// Apple's header where there is no macOS SDK: on Linux, and when cross-building.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Apple's compilers define both names; metal-cpp asks for this one.
#if defined(__aarch64__) && !defined(__arm64__)
#define __arm64__ 1
#endif

typedef struct objc_class* Class;
typedef struct objc_selector* SEL;
struct objc_object {
  Class isa;
};
typedef struct objc_object* id;
typedef bool BOOL;

#define YES true
#define NO false
