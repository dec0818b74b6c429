// The message functions (see objc.h). They are called through pointers of the method's own type.
#pragma once

#include <objc/objc.h>

#ifdef __cplusplus
extern "C" {
#endif

void objc_msgSend(void);
#if defined(__x86_64__)
void objc_msgSend_fpret(void);
void objc_msgSend_stret(void);
#endif

#ifdef __cplusplus
}
#endif
