// MTLComputeCommandEncoder: dispatches, and what Apple's validation asks of them.
#include <algorithm>

#include "softmetal/api/metal/compute_encoder.h"
#include "softmetal/state.h"

namespace softmetal::api {

namespace {

std::string text_of(MTL::Size size) {
  return std::to_string(size.width) + " x " + std::to_string(size.height) + " x " +
         std::to_string(size.depth);
}

Size3 size3(MTL::Size size) {
  return {static_cast<uint32_t>(size.width), static_cast<uint32_t>(size.height),
          static_cast<uint32_t>(size.depth)};
}

bool any_zero(MTL::Size size) { return size.width == 0 || size.height == 0 || size.depth == 0; }

constexpr uint64_t kMostGroups = uint64_t{1} << 32;

}  // namespace

bool ComputeEncoder::check_sizes(const char* call, MTL::Size groups, MTL::Size threads) {
  const KernelSignature* kernel = &pipeline_->signature();
  if (any_zero(groups) || any_zero(threads) ||
      std::max({groups.width, groups.height, groups.depth}) >= kMostGroups) {
    refuse("api", call,
           "the grid is " + text_of(groups) + " threadgroups of " + text_of(threads) + " threads",
           kernel);
    return false;
  }
  const uint64_t most = std::min<uint64_t>(pipeline_->max_threads(), 1024);
  const bool fits = std::max({threads.width, threads.height, threads.depth}) <= most &&
                    threads.width * threads.height * threads.depth <= most;
  if (!fits) {
    refuse("api", call,
           text_of(threads) +
               " threads per threadgroup are more than the pipeline's "
               "maximum of " +
               std::to_string(most),
           kernel);
  }
  return fits;
}

bool ComputeEncoder::check_argument(const char* call, const KernelArgument& argument) {
  const KernelSignature* kernel = &pipeline_->signature();
  const std::string place =
      "argument '" + argument.name + "' at index " + std::to_string(argument.index);
  if (argument.kind == KernelArgument::Kind::threadgroup) {
    if (threadgroup_bytes_[argument.index] > 0) return true;
    refuse("threadgroup-memory", call, place + " has no threadgroup memory", kernel);
    return false;
  }
  const Bound& bound = buffers_[argument.index];
  if (!bound) {
    refuse("api", call, place + " has no buffer bound", kernel);
    return false;
  }
  const uint32_t alignment = std::max<uint32_t>(argument.alignment, 1);
  if (bound.memory && bound.offset % alignment != 0) {
    refuse("misaligned-offset", call,
           place + " is bound at offset " + std::to_string(bound.offset) + ", not a multiple of " +
               std::to_string(alignment),
           kernel, bound.memory->name());
    return false;
  }
  if (bound.bytes && bound.length() < argument.size) {
    refuse("api", call,
           place + " takes " + std::to_string(argument.size) + " bytes but " +
               std::to_string(bound.length()) + " are set",
           kernel);
    return false;
  }
  return true;
}

bool ComputeEncoder::check_threadgroup_memory(const char* call) {
  uint64_t sum = 0;
  for (const KernelArgument& argument : pipeline_->signature().arguments) {
    if (argument.kind == KernelArgument::Kind::threadgroup) {
      sum += threadgroup_bytes_[argument.index];
    }
  }
  const uint64_t most = settings().max_threadgroup_memory;
  if (sum <= most) return true;
  refuse("threadgroup-memory", call,
         std::to_string(sum) + " bytes of threadgroup memory are more than " + std::to_string(most),
         &pipeline_->signature(), "the device's limit");
  return false;
}

bool ComputeEncoder::check(const char* call, MTL::Size groups, MTL::Size threads) {
  if (!open(call)) return false;
  if (!pipeline_) {
    refuse("api", call, "no pipeline is set");
    return false;
  }
  bool good = check_sizes(call, groups, threads);
  for (const KernelArgument& argument : pipeline_->signature().arguments) {
    good = check_argument(call, argument) && good;
  }
  return check_threadgroup_memory(call) && good;
}

// With the bindings that the kernel declares; others do not count as used.
DispatchCommand ComputeEncoder::command(MTL::Size groups, MTL::Size threads) const {
  DispatchCommand command;
  command.encoder = id();
  command.pipeline = pipeline_;
  for (const KernelArgument& argument : pipeline_->signature().arguments) {
    if (argument.kind == KernelArgument::Kind::buffer) {
      command.buffers[argument.index] = buffers_[argument.index];
    } else {
      command.threadgroup_bytes[argument.index] = threadgroup_bytes_[argument.index];
    }
  }
  command.groups = size3(groups);
  command.threads = size3(threads);
  command.label = pipeline_->label();
  return command;
}

void ComputeEncoder::dispatch_groups(MTL::Size groups, MTL::Size threads) {
  if (!check("dispatchThreadgroups:threadsPerThreadgroup:", groups, threads)) return;
  record(command(groups, threads));
}

void ComputeEncoder::dispatch_threads(MTL::Size grid, MTL::Size threads) {
  constexpr const char* kCall = "dispatchThreads:threadsPerThreadgroup:";
  if (!check(kCall, grid, threads)) return;
  const MTL::Size groups((grid.width + threads.width - 1) / threads.width,
                         (grid.height + threads.height - 1) / threads.height,
                         (grid.depth + threads.depth - 1) / threads.depth);
  DispatchCommand made = command(groups, threads);
  const bool whole = groups.width * threads.width == grid.width &&
                     groups.height * threads.height == grid.height &&
                     groups.depth * threads.depth == grid.depth;
  if (!whole) made.grid = size3(grid);
  record(std::move(made));
}

void ComputeEncoder::dispatch_indirect(Buffer* buffer, uint64_t offset, MTL::Size threads) {
  constexpr const char* kCall = "dispatchThreadgroupsWithIndirectBuffer:";
  if (!check(kCall, MTL::Size(1, 1, 1), threads) || !usable(buffer, kCall, "buffer")) return;
  if (offset % 4 != 0 || offset + 12 > buffer->memory()->bytes) {
    return refuse("api", kCall,
                  "the indirect arguments at offset " + std::to_string(offset) +
                      " are misaligned or outside " + buffer->memory()->name());
  }
  use(buffer);
  DispatchCommand made = command(MTL::Size(1, 1, 1), threads);
  made.indirect = buffer->memory();
  made.indirect_offset = offset;
  record(std::move(made));
}

}  // namespace softmetal::api
