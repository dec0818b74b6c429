// Loads modules and reads their tables.
#include "softmetal/compiler/module.h"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "softmetal/compiler/cache.h"
#include "softmetal/compiler/coverage.h"

namespace softmetal {

LoadedModule::LoadedModule(std::shared_ptr<const std::string> image) : image_(std::move(image)) {
  const TemporaryFile copy(".so");
  {
    std::ofstream file(copy.path(), std::ios::binary);
    file << *image_;
  }
  handle_ = dlopen(copy.path().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle_) throw std::runtime_error(std::string("[softmetal] ") + dlerror());
  table_ = static_cast<const abi::Module*>(dlsym(handle_, "softmetal_module"));
  if (!table_) throw std::runtime_error("[softmetal] the module exports no table");
  struct link_map* map = nullptr;
  dlinfo(handle_, RTLD_DI_LINKMAP, &map);
  begin_ = map->l_addr;
  ElfW(Ehdr) header;
  std::memcpy(&header, image_->data(), sizeof header);
  for (int i = 0; i < header.e_phnum; ++i) {
    ElfW(Phdr) segment;
    std::memcpy(&segment, image_->data() + header.e_phoff + i * header.e_phentsize, sizeof segment);
    if (segment.p_type == PT_LOAD)
      end_ = std::max<uintptr_t>(end_, begin_ + segment.p_vaddr + segment.p_memsz);
  }
}

LoadedModule::~LoadedModule() {
  if (handle_) dlclose(handle_);
}

const LineTable& LoadedModule::lines() const {
  if (!lines_) lines_ = std::make_unique<LineTable>(*image_);
  return *lines_;
}

SourceLine LoadedModule::line_of(uintptr_t pc) const {
  if (!contains(pc)) return {"", 0};
  const std::lock_guard lock(mutex_);
  return lines().find(pc - begin_);
}

void LoadedModule::collect_coverage() const {
  if (!table_->flags_begin || !*table_->flags_begin) return;
  const std::lock_guard lock(mutex_);
  bool* flags = *table_->flags_begin;
  const size_t count = *table_->flags_end - flags;
  const unsigned long long* blocks = *table_->blocks;  // pairs of address and kind
  if (block_lines_.empty()) {
    std::vector<uint64_t> addresses;
    for (size_t i = 0; i < count; ++i) addresses.push_back(blocks[2 * i] - begin_);
    block_lines_ = lines().of_blocks(addresses);
  }
  add_line_counts(block_lines_, flags);
  std::memset(flags, 0, count);
}

std::vector<KernelSignature> signatures(const abi::Module& table) {
  std::vector<KernelSignature> result;
  for (unsigned i = 0; i < table.kernel_count; ++i) {
    const abi::Kernel& kernel = table.kernels[i];
    KernelSignature signature{kernel.name, {}, kernel.max_threads, kernel.place};
    for (unsigned k = 0; k < kernel.argument_count; ++k) {
      const abi::Argument& argument = kernel.arguments[k];
      const auto kind =
          argument.kind == 0 ? KernelArgument::Kind::buffer : KernelArgument::Kind::threadgroup;
      signature.arguments.push_back({argument.name, kind, argument.index, argument.writable,
                                     argument.alignment, argument.size});
    }
    result.push_back(std::move(signature));
  }
  return result;
}

std::vector<FunctionConstant> function_constants(const abi::Module& table) {
  std::vector<FunctionConstant> result;
  for (unsigned i = 0; i < table.constant_count; ++i)
    result.push_back({table.constants[i].name, table.constants[i].index,
                      static_cast<ScalarType>(table.constants[i].type)});
  return result;
}

void set_constants(const abi::Module& table, const ConstantValues& values) {
  for (unsigned i = 0; i < table.constant_count; ++i) {
    const abi::Constant& constant = table.constants[i];
    const auto found = values.find(constant.index);
    const std::string name = "function constant '" + std::string(constant.name) + "' (" +
                             std::to_string(constant.index) + ")";
    if (found == values.end()) throw std::invalid_argument(name + " has no value");
    if (static_cast<int>(found->second.index()) != constant.type)
      throw std::invalid_argument(name + " was given a value of another type");
    std::visit([&](auto value) { std::memcpy(constant.address, &value, sizeof value); },
               found->second);
  }
}

}  // namespace softmetal
