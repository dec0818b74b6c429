// A loaded copy of a compiled module.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "softmetal/compiler/lines.h"
#include "softmetal/engine/program.h"
#include "softmetal/msl/abi.h"

namespace softmetal {

class LoadedModule {
 public:
  // `image`: the bytes of the shared object. Each call loads a copy with globals of its own.
  explicit LoadedModule(std::shared_ptr<const std::string> image);
  ~LoadedModule();
  LoadedModule(const LoadedModule&) = delete;
  LoadedModule& operator=(const LoadedModule&) = delete;

  const abi::Module& table() const { return *table_; }
  uintptr_t begin() const { return begin_; }
  bool contains(uintptr_t address) const { return address >= begin_ && address < end_; }
  SourceLine line_of(uintptr_t pc) const;
  // Adds the blocks that ran since the last call to the process's line counts.
  void collect_coverage() const;

 private:
  const LineTable& lines() const;  // the mutex is held

  std::shared_ptr<const std::string> image_;
  void* handle_ = nullptr;
  const abi::Module* table_ = nullptr;
  uintptr_t begin_ = 0, end_ = 0;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<LineTable> lines_;
  mutable std::vector<std::vector<SourceLine>> block_lines_;
};

std::vector<KernelSignature> signatures(const abi::Module& table);
std::vector<FunctionConstant> function_constants(const abi::Module& table);
// Throws std::invalid_argument when one is missing, unknown or of another type.
void set_constants(const abi::Module& table, const ConstantValues& values);

}  // namespace softmetal
