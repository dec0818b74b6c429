// Every kernel's name, buffers, launch geometry and work, in one place: plans and the Launcher take
// them from here, so what a dispatch is declared to read and write cannot differ between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace gptoss::metal {

enum class Kernel : uint8_t {
  embed,
  norm_rows,
  qkv,
  attention_decode,
  attention_merge,
  out,
  router,
  gate_up,
  down,
  unembed,
  matmul,
  rope,
  attention_prefill,
  expert_sort,
  grouped_gate_up,
  grouped_down,
  mix,
};
constexpr size_t kKernels = 17;
constexpr size_t kMaxParameters = 8;
constexpr size_t kMaxArgsBytes = 32;

enum class Access : uint8_t { read, write, read_write };

// One buffer of a kernel; the arguments are always at index 0. `pages` is a page table (KvPage[]):
// the table is read, and `access` says what happens to the pages.
struct Parameter {
  uint8_t index;
  Access access;
  bool pages = false;

  bool reads() const { return access != Access::write; }
  bool writes() const { return access != Access::read; }
};

struct Groups {
  uint32_t x = 1, y = 1, z = 1;
};

// What one dispatch does at most.
struct Work {
  double operations;  // multiplications and additions
  double bytes;       // of weights and cache
};

struct KernelInfo {
  const char* name;
  uint32_t args_bytes;
  uint32_t threads;            // per threadgroup
  uint32_t threadgroup_bytes;  // at index 0; 0 = none
  std::span<const Parameter> parameters;
  // `count` is the tokens of the dispatch, for the grouped kernels its tiles.
  Groups (*groups)(const void* args, uint32_t count);
  Work (*work)(const void* args, uint32_t count);
};

const KernelInfo& info(Kernel kernel);
std::optional<Kernel> find_kernel(std::string_view name);

}  // namespace gptoss::metal
