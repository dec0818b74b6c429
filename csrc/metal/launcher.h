// Runs one kernel over copies of arrays, through the same table and the same stream as a forward
// pass. For tests of kernels and for selftest. Needs no Metal header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "metal/constants.h"

namespace gptoss::metal {

class Launcher {
 public:
  using Bytes = std::span<std::byte>;
  // A kernel's buffers by index: one array each, or a page table's pages in order.
  using Arrays = std::map<int, std::vector<Bytes>>;

  // Compiles the kernels' source. Throws Error.
  static std::unique_ptr<Launcher> open(const Constants& constants);
  virtual ~Launcher() = default;

  // Runs `kernel` once; `count` is tokens, for grouped kernels tiles. Buffers are exactly as long
  // as the arrays; those that the kernel may write are copied back. Throws Error, also when the
  // arguments or the arrays are not those of the kernel.
  virtual void run(const std::string& kernel, std::span<const std::byte> args, const Arrays& arrays,
                   uint32_t count) = 0;
  // Most threads per threadgroup that the compiled kernel allows.
  virtual uint64_t max_threads(const std::string& kernel) = 0;

  static std::vector<std::string> kernels();
};

}  // namespace gptoss::metal
