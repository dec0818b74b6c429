// metal-cpp's own definitions (selectors and classes): exactly one translation unit has them.
#define NS_PRIVATE_IMPLEMENTATION
#define MTL_PRIVATE_IMPLEMENTATION
#include "metal/metal_cpp.h"
