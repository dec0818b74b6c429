// metal-cpp includes Apple's simd vectors but uses none of them for compute (see objc/objc.h).
#pragma once
