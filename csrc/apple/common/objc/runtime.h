// Functions of the Objective-C runtime that metal-cpp calls (see objc.h).
#pragma once

#include <objc/objc.h>

typedef struct objc_object Protocol;
typedef struct objc_method* Method;

#ifdef __cplusplus
extern "C" {
#endif

SEL sel_registerName(const char* name);
const char* sel_getName(SEL selector);
Class objc_lookUpClass(const char* name);
Class objc_getClass(const char* name);
Protocol* objc_getProtocol(const char* name);
Class object_getClass(id object);
const char* class_getName(Class cls);
BOOL class_respondsToSelector(Class cls, SEL selector);

#ifdef __cplusplus
}
#endif
