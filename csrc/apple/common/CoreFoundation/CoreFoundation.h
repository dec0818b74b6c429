// The few Core Foundation names in metal-cpp's interface (see objc/objc.h).
#pragma once

typedef double CFTimeInterval;
typedef const struct __CFString* CFStringRef;
