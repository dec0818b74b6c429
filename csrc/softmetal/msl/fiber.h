// The switch from one fiber to another: a jump, with every register declared lost. The stack, frame
// and base pointers can't be declared so and are saved by hand.
#pragma once

#include "abi.h"

namespace softmetal::abi {

SOFTMETAL_INLINE inline void switch_fiber(Fiber* from, Fiber* to) {
#if defined(__x86_64__)
  __asm__ volatile(
      "leaq 1f(%%rip), %%rax\n\t"
      "movq %%rsp, 0(%%rdi)\n\t"
      "movq %%rbp, 8(%%rdi)\n\t"
      "movq %%rbx, 16(%%rdi)\n\t"
      "movq %%rax, 24(%%rdi)\n\t"
      "movq 0(%%rsi), %%rsp\n\t"
      "movq 8(%%rsi), %%rbp\n\t"
      "movq 16(%%rsi), %%rbx\n\t"
      "jmpq *24(%%rsi)\n"
      "1:\n\t"
      : "+D"(from), "+S"(to)
      :
      : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1",
        "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
        "xmm13", "xmm14", "xmm15",
#if defined(__AVX512F__)
        "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",
        "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6",
        "k7",
#endif
        "memory", "cc");
#elif defined(__aarch64__)
  register Fiber* from_x0 __asm__("x0") = from;
  register Fiber* to_x1 __asm__("x1") = to;
  __asm__ volatile(
      "adr x9, 1f\n\t"
      "mov x10, sp\n\t"
      "stp x10, x29, [x0]\n\t"
      "stp x19, x9, [x0, #16]\n\t"
      "ldp x10, x29, [x1]\n\t"
      "ldp x19, x9, [x1, #16]\n\t"
      "mov sp, x10\n\t"
      "br x9\n"
      "1:\n\t"
      : "+r"(from_x0), "+r"(to_x1)
      :
      : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
        "x16", "x17", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x30", "v0",
        "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14",
        "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27",
        "v28", "v29", "v30", "v31", "memory", "cc");
#else
#error "software Metal runs on x86-64 and aarch64"
#endif
}

// Waits until all threads of the simdgroup have come to `site`. The last one runs `complete` for
// all of them and goes on.
template <class Complete>
SOFTMETAL_INLINE inline void meet(Group* group, Site site, Complete complete) {
  Fiber* self = group->current;
  Simdgroup* simdgroup = self->simdgroup;
  if (simdgroup->arrived == 0) {
    simdgroup->site = site;
  } else if (simdgroup->site != site) {
    group->calls.diverge(group, &simdgroup->site, &site);
  }
  if (++simdgroup->arrived == simdgroup->width) {
    simdgroup->arrived = 0;
    simdgroup->parity ^= 1;
    complete(simdgroup);
  } else {
    Fiber* next = self->next;
    group->current = next;
    switch_fiber(self, next);
  }
}

// The same for the whole threadgroup: simdgroups wait for each other once each is complete.
SOFTMETAL_INLINE inline void meet_group(Group* group, Site site) {
  meet(group, site, [&](Simdgroup* simdgroup) SOFTMETAL_INLINE {
    if (group->waiting == 0) {
      group->site = site;
    } else if (group->site != site) {
      group->calls.diverge(group, &group->site, &site);
    }
    if (++group->waiting == group->simdgroups) {
      group->waiting = 0;
      if (group->observed && site.kind() == Meeting::threadgroup_barrier)
        group->calls.barrier(group, nullptr, site.flags());
    } else {
      Fiber* self = group->current;
      simdgroup->running = self;
      Fiber* next = simdgroup->next->running;
      group->current = next;
      switch_fiber(self, next);
    }
  });
}

}  // namespace softmetal::abi
