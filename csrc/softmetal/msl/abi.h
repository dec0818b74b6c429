// What the engine and a compiled kernel module agree on. Both include this file, so it uses no
// other header; a change here changes the cache key of every module.
#pragma once

// Functions of these headers carry no debug information: once inlined, their instructions count as
// those of the line that calls them.
#if defined(__clang__)
#define SOFTMETAL_INLINE __attribute__((always_inline, nodebug))
#else
#define SOFTMETAL_INLINE __attribute__((always_inline))
#endif

namespace softmetal::abi {

constexpr unsigned kSlots = 31;                           // buffers and threadgroup arguments
constexpr unsigned kLanes = 32;                           // threads of a whole simdgroup
constexpr unsigned kMaxThreads = 1024;                    // threads of a threadgroup
constexpr unsigned long long kStackBytes = 128 * 1024;    // of one fiber, guard page included
constexpr unsigned long long kArenaBytes = 256ull << 20;  // of one OS thread; also its alignment
constexpr unsigned long long kStacksOffset = 4ull << 20;  // of the first stack in the arena
static_assert(kStacksOffset + kMaxThreads * kStackBytes <= kArenaBytes, "the stacks fit");

struct Simdgroup;

// A suspended thread of execution. fiber.h reads and writes the first four members by offset.
struct Fiber {
  void* stack;
  void* frame;
  void* base;
  void* resume;
  Fiber* next;  // in the simdgroup's ring, in the order of the schedule
  Simdgroup* simdgroup;
  unsigned lane, index;  // in simdgroup, in threadgroup
  unsigned x, y, z;      // in threadgroup
  unsigned grid_x, grid_y, grid_z;
};

// The kinds of meeting points; part of a meeting's identity.
enum class Meeting : unsigned { finish, collective, simdgroup_barrier, threadgroup_barrier };

// Where threads meet: the line, column, kind and flags packed into one number, and the file.
struct Site {
  const char* file;
  unsigned long long where;
  SOFTMETAL_INLINE constexpr static Site make(const char* file, unsigned line, unsigned column,
                                              Meeting kind, unsigned flags) {
    return {file, static_cast<unsigned long long>(line) << 32 |
                      static_cast<unsigned long long>(column & 0xffff) << 16 |
                      static_cast<unsigned long long>(kind) << 8 | (flags & 0xff)};
  }
  SOFTMETAL_INLINE constexpr bool operator==(const Site& other) const {
    return file == other.file && where == other.where;
  }
  constexpr unsigned line() const { return static_cast<unsigned>(where >> 32); }
  SOFTMETAL_INLINE constexpr Meeting kind() const {
    return static_cast<Meeting>(where >> 8 & 0xff);
  }
  SOFTMETAL_INLINE constexpr unsigned flags() const { return static_cast<unsigned>(where & 0xff); }
};

// Up to 32 threads that meet in collectives.
struct alignas(64) Simdgroup {
  unsigned width;    // threads of it
  unsigned arrived;  // of them, at `site`
  unsigned index;    // in threadgroup
  unsigned parity;   // of the current meeting: which half of `values` it uses
  Site site;         // of the meeting that has begun
  Fiber* running;    // the fiber that goes on when the simdgroup does
  Simdgroup* next;   // in the threadgroup's ring
  alignas(64) unsigned char values[2][kLanes][16];  // what the lanes contribute
  alignas(64) float a[64], b[64], c[64];            // 8x8 matrices, row-major
  alignas(64) float d[64];                          // the last meeting's result
};

struct Group;

// The engine's functions that modules call.
struct Calls {
  // Leaves the threadgroup for good; `first` is where the others wait, `second` where this one is.
  void (*diverge)(Group*, const Site* first, const Site* second);
  // All threads of the scope have met.
  void (*barrier)(Group*, Simdgroup* simdgroup_or_null, unsigned flags);
  void (*access)(unsigned long long pc, const volatile void* address, unsigned long long bytes,
                 int write, int atomic);
};

// The threadgroup that an OS thread runs: the beginning of its arena.
struct Group {
  Fiber* current;
  Calls calls;
  bool observed;     // a checked dispatch
  unsigned waiting;  // simdgroups at `site`
  unsigned simdgroups;
  Site site;  // of the threadgroup barrier that has begun
  void (*launch)(const Group*, const Fiber*);
  void* buffers[kSlots];
  void* threadgroup[kSlots];
  unsigned position[3], groups[3];     // of the threadgroup in the grid; threadgroups
  unsigned threads[3], dispatched[3];  // of this threadgroup (partial at the edge); as dispatched
  unsigned grid[3];                    // threads of the grid
  Fiber scheduler;
  void* engine;  // the engine's own
};

struct Argument {
  const char* name;
  int kind;  // 0 buffer, 1 threadgroup
  int index;
  bool writable;
  unsigned alignment, size;
};

struct Kernel {
  const char* name;
  void (*launch)(const Group*, const Fiber*);
  const Argument* arguments;
  unsigned argument_count, max_threads;
  const char* place;  // file:line of its name in the Metal text
};

struct Constant {
  const char* name;
  int index;
  int type;  // of ScalarType
  void* address;
};

// Exported by each module as `softmetal_module`.
struct Module {
  const Kernel* kernels;
  unsigned kernel_count;
  const Constant* constants;
  unsigned constant_count;
  // Coverage flavour: one flag per basic block, and its address and kind; else null.
  bool* const* flags_begin;
  bool* const* flags_end;
  const unsigned long long* const* blocks;
};

// The arena that holds the stack we run on.
SOFTMETAL_INLINE inline Group* current_group() {
  unsigned long long stack;
#if defined(__x86_64__)
  __asm__("movq %%rsp, %0" : "=r"(stack));
#else
  __asm__("mov %0, sp" : "=r"(stack));
#endif
  return reinterpret_cast<Group*>(stack & ~(kArenaBytes - 1));
}

}  // namespace softmetal::abi
