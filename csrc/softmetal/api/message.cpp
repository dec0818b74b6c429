// objc_msgSend: finds the method of the receiver and jumps to it with every argument register as it
// was.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "softmetal/api/runtime.h"
#include "softmetal/state.h"

extern "C" {

// Messages to nil: zero in every register that carries a result.
__attribute__((visibility("hidden"))) void softmetal_nil_method();

// The function of `selector` for `receiver`. Never returns for unknown methods.
__attribute__((visibility("hidden"), used)) softmetal::api::Imp softmetal_look_up(
    softmetal::api::Object* receiver, SEL selector) {
  if (receiver == nullptr) return &softmetal_nil_method;
  const std::string cls = receiver->cls_of().name();
  if (!receiver->alive()) {
    const std::string call = "[" + cls + " " + sel_getName(selector) + "]";
    softmetal::report({"use-after-release", "", call, "", call + " is sent to a destroyed object"});
    return &softmetal_nil_method;
  }
  const softmetal::api::Imp imp = receiver->cls_of().find(selector, receiver->is_class());
  if (imp == nullptr) {
    std::fprintf(stderr,
                 "[software Metal] unrecognized selector %c[%s %s] (macOS %d). Try: a method "
                 "that csrc/softmetal/api/ has, or add it there.\n",
                 receiver->is_class() ? '+' : '-', cls.c_str(), sel_getName(selector),
                 softmetal::macos_version());
    std::abort();
  }
  return imp;
}
}

#if defined(__x86_64__)
// Arguments: rdi, rsi, rdx, rcx, r8, r9, xmm0-7, al (vector count). For _stret, rdi is the result's
// address, and receiver and selector follow it.
#define GPTOSS_TRAMPOLINE(name, receiver, selector)                                            \
  asm(".text\n.p2align 4\n.globl " name "\n.hidden " name "\n.type " name ",@function\n" name  \
      ":\n"                                                                                    \
      "pushq %rbp\nmovq %rsp, %rbp\nsubq $192, %rsp\n"                                         \
      "movaps %xmm0, (%rsp)\nmovaps %xmm1, 16(%rsp)\nmovaps %xmm2, 32(%rsp)\n"                 \
      "movaps %xmm3, 48(%rsp)\nmovaps %xmm4, 64(%rsp)\nmovaps %xmm5, 80(%rsp)\n"               \
      "movaps %xmm6, 96(%rsp)\nmovaps %xmm7, 112(%rsp)\n"                                      \
      "movq %rdi, 128(%rsp)\nmovq %rsi, 136(%rsp)\nmovq %rdx, 144(%rsp)\n"                     \
      "movq %rcx, 152(%rsp)\nmovq %r8, 160(%rsp)\nmovq %r9, 168(%rsp)\nmovq %rax, 176(%rsp)\n" \
      "movq " receiver "(%rsp), %rdi\nmovq " selector                                          \
      "(%rsp), %rsi\n"                                                                         \
      "call softmetal_look_up\nmovq %rax, %r11\n"                                              \
      "movaps (%rsp), %xmm0\nmovaps 16(%rsp), %xmm1\nmovaps 32(%rsp), %xmm2\n"                 \
      "movaps 48(%rsp), %xmm3\nmovaps 64(%rsp), %xmm4\nmovaps 80(%rsp), %xmm5\n"               \
      "movaps 96(%rsp), %xmm6\nmovaps 112(%rsp), %xmm7\n"                                      \
      "movq 128(%rsp), %rdi\nmovq 136(%rsp), %rsi\nmovq 144(%rsp), %rdx\n"                     \
      "movq 152(%rsp), %rcx\nmovq 160(%rsp), %r8\nmovq 168(%rsp), %r9\nmovq 176(%rsp), %rax\n" \
      "leave\njmp *%r11\n"                                                                     \
      ".size " name ", .-" name "\n")

GPTOSS_TRAMPOLINE("objc_msgSend", "128", "136");
GPTOSS_TRAMPOLINE("objc_msgSend_fpret", "128", "136");
GPTOSS_TRAMPOLINE("objc_msgSend_stret", "136", "144");

asm(".text\n.p2align 4\n.globl softmetal_nil_method\n.hidden softmetal_nil_method\n"
    ".type softmetal_nil_method,@function\n"
    "softmetal_nil_method:\n"
    "xorl %eax, %eax\nxorl %edx, %edx\nxorps %xmm0, %xmm0\nxorps %xmm1, %xmm1\nret\n"
    ".size softmetal_nil_method, .-softmetal_nil_method\n");
#elif defined(__aarch64__)
// Arguments: x0-x7, q0-q7; x8 is the address of a large result.
asm(".text\n.p2align 4\n.globl objc_msgSend\n.hidden objc_msgSend\n"
    ".type objc_msgSend,%function\n"
    "objc_msgSend:\n"
    "stp x29, x30, [sp, #-16]!\nmov x29, sp\nsub sp, sp, #208\n"
    "stp q0, q1, [sp]\nstp q2, q3, [sp, #32]\nstp q4, q5, [sp, #64]\nstp q6, q7, [sp, #96]\n"
    "stp x0, x1, [sp, #128]\nstp x2, x3, [sp, #144]\nstp x4, x5, [sp, #160]\n"
    "stp x6, x7, [sp, #176]\nstr x8, [sp, #192]\n"
    "bl softmetal_look_up\nmov x16, x0\n"
    "ldp q0, q1, [sp]\nldp q2, q3, [sp, #32]\nldp q4, q5, [sp, #64]\nldp q6, q7, [sp, #96]\n"
    "ldp x0, x1, [sp, #128]\nldp x2, x3, [sp, #144]\nldp x4, x5, [sp, #160]\n"
    "ldp x6, x7, [sp, #176]\nldr x8, [sp, #192]\n"
    "mov sp, x29\nldp x29, x30, [sp], #16\nbr x16\n"
    ".size objc_msgSend, .-objc_msgSend\n");

asm(".text\n.p2align 4\n.globl softmetal_nil_method\n.hidden softmetal_nil_method\n"
    ".type softmetal_nil_method,%function\n"
    "softmetal_nil_method:\n"
    "mov x0, #0\nmov x1, #0\nmovi v0.2d, #0\nmovi v1.2d, #0\nmovi v2.2d, #0\nmovi v3.2d, #0\nret\n"
    ".size softmetal_nil_method, .-softmetal_nil_method\n");
#else
#error "software Metal runs on x86-64 and aarch64"
#endif
