// The few Core Graphics names in metal-cpp's interface (see objc/objc.h).
#pragma once

typedef double CGFloat;
typedef struct CGSize {
  CGFloat width;
  CGFloat height;
} CGSize;
