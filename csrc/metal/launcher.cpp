#include "metal/launcher.h"

#include <atomic>
#include <cstring>

#include "metal/args.h"
#include "metal/command_stream.h"
#include "metal/failure.h"
#include "metal/library.h"

namespace gptoss::metal {

namespace {

Kernel kernel_named(const std::string& name) {
  const std::optional<Kernel> kernel = find_kernel(name);
  if (!kernel) throw failure("there is no kernel '" + name + "'", "one of Launcher.kernels()");
  return *kernel;
}

void check(const KernelInfo& kernel, std::span<const std::byte> args,
           const Launcher::Arrays& arrays) {
  const std::string where = std::string("the kernel ") + kernel.name;
  if (args.size() != kernel.args_bytes) {
    throw failure(where + " takes " + std::to_string(kernel.args_bytes) +
                      " bytes of arguments, not " + std::to_string(args.size()),
                  "the struct of metal/args.h");
  }
  for (const Parameter& parameter : kernel.parameters) {
    const auto found = arrays.find(parameter.index);
    const bool fits = found != arrays.end() &&
                      (parameter.pages ? !found->second.empty() : found->second.size() == 1);
    if (!fits) {
      throw failure(where + " has a " + (parameter.pages ? "page table" : "buffer") + " at index " +
                        std::to_string(parameter.index),
                    parameter.pages ? "a list of arrays" : "one array");
    }
    for (const Launcher::Bytes& array : found->second) {
      if (array.empty()) {
        throw failure(
            where + " was given an empty array at index " + std::to_string(parameter.index),
            "an array with at least one value");
      }
    }
  }
  if (arrays.size() != kernel.parameters.size()) {
    throw failure(where + " takes " + std::to_string(kernel.parameters.size()) + " buffers, not " +
                      std::to_string(arrays.size()),
                  "only the buffers that it has");
  }
}

// A kernel's arrays as buffers, and the slices to bind.
class Copies {
 public:
  Copies(Memory& memory, Residency& residency) : memory_(memory), residency_(residency) {}

  void add(const std::string& what, const Parameter& parameter,
           const std::vector<Launcher::Bytes>& arrays) {
    std::vector<KvPage> pages;
    for (const Launcher::Bytes& array : arrays) {
      const Buffer& copy = add(what, array, parameter.writes());
      pages.push_back({copy.get()->gpuAddress()});
    }
    // The table itself is only read, and goes before it could be copied back.
    if (parameter.pages) add(what, std::as_writable_bytes(std::span(pages)), false);
    slices_.push_back(copies_.back().buffer.slice());
  }

  const std::vector<Slice>& slices() const { return slices_; }

  void copy_back() const {
    for (const Copy& copy : copies_) {
      if (!copy.writable) continue;
      std::memcpy(copy.array.data(), copy.buffer.contents<std::byte>(), copy.array.size());
    }
  }

 private:
  struct Copy {
    Buffer buffer;
    Launcher::Bytes array;
    bool writable;
  };

  const Buffer& add(const std::string& what, Launcher::Bytes array, bool writable) {
    Buffer buffer = memory_.allocate(array.size(), Memory::Storage::shared, what);
    std::memcpy(buffer.contents<std::byte>(), array.data(), array.size());
    residency_.add(buffer, true);
    copies_.push_back({std::move(buffer), array, writable});
    return copies_.back().buffer;
  }

  Memory& memory_;
  Residency& residency_;
  std::vector<Copy> copies_;
  std::vector<Slice> slices_;
};

class OpenLauncher final : public Launcher {
 public:
  explicit OpenLauncher(const Constants& constants)
      : device_(open_device()),
        facts_(facts_of(device_.get())),
        memory_(device_.get(), facts_),
        pipelines_(device_.get(), make_library(device_.get()), constants) {}

  void run(const std::string& kernel, std::span<const std::byte> args, const Arrays& arrays,
           uint32_t count) override;

  uint64_t max_threads(const std::string& kernel) override {
    const Pool pool;
    return pipeline(kernel_named(kernel))->maxTotalThreadsPerThreadgroup();
  }

 private:
  // Made when it is first asked for.
  MTL::ComputePipelineState* pipeline(Kernel kernel) {
    pipelines_.make(std::span(&kernel, 1));
    return pipelines_.get(kernel);
  }

  Ref<MTL::Device> device_;
  DeviceFacts facts_;
  Memory memory_;
  Pipelines pipelines_;
};

void OpenLauncher::run(const std::string& name, std::span<const std::byte> args,
                       const Arrays& arrays, uint32_t count) {
  const Pool pool;
  const Kernel kernel = kernel_named(name);
  check(info(kernel), args, arrays);
  pipeline(kernel);
  Residency residency(device_.get(), facts_, 1, "gptoss-metal launcher");
  Copies copies(memory_, residency);
  for (const Parameter& parameter : info(kernel).parameters) {
    copies.add(name + "[" + std::to_string(parameter.index) + "]", parameter,
               arrays.at(parameter.index));
  }
  residency.commit();
  Plan plan;
  plan.add(kernel, args.data(), args.size(), count, copies.slices().data(), copies.slices().size(),
           0);
  const std::atomic<bool> cancelled{false};
  CommandStream stream(device_.get(), {nullptr, &residency});
  stream.run(plan, pipelines_, cancelled);
  copies.copy_back();
}

}  // namespace

std::unique_ptr<Launcher> Launcher::open(const Constants& constants) {
  const Pool pool;
  return std::make_unique<OpenLauncher>(constants);
}

std::vector<std::string> Launcher::kernels() {
  std::vector<std::string> names;
  for (size_t i = 0; i < kKernels; ++i) names.emplace_back(info(static_cast<Kernel>(i)).name);
  return names;
}

}  // namespace gptoss::metal
