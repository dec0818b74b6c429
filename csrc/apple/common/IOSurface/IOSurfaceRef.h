// The few IOSurface names in metal-cpp's interface (see objc/objc.h).
#pragma once

typedef struct __IOSurface* IOSurfaceRef;
