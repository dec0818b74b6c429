// The few Core Graphics names in metal-cpp's interface (see objc/objc.h).
#pragma once

typedef struct CGColorSpace* CGColorSpaceRef;
