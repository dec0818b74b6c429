#include "metal/device.h"

#include <utility>

#include "metal/failure.h"

namespace gptoss::metal {

Ref<MTL::Device> open_device() {
  Ref<MTL::Device> device = owned(MTL::CreateSystemDefaultDevice());
  if (!device) {
    throw failure("this machine has no Metal device that this program may use",
                  "the CPU backend (backend=\"cpu\")");
  }
  return device;
}

DeviceFacts facts_of(MTL::Device* device) {
  constexpr std::pair<MTL::GPUFamily, const char*> kFamilies[] = {
      {MTL::GPUFamilyApple7, "Apple7"}, {MTL::GPUFamilyApple8, "Apple8"},
      {MTL::GPUFamilyApple9, "Apple9"}, {MTL::GPUFamilyApple10, "Apple10"},
      {MTL::GPUFamilyMetal3, "Metal3"}, {MTL::GPUFamilyMetal4, "Metal4"}};
  DeviceFacts facts{};
  facts.name = text_of(device->name());
  facts.max_buffer_length = device->maxBufferLength();
  facts.working_set = device->recommendedMaxWorkingSetSize();
  facts.threadgroup_memory = device->maxThreadgroupMemoryLength();
  facts.unified_memory = device->hasUnifiedMemory();
  facts.residency_sets = Selectors::has(device, "newResidencySetWithDescriptor:error:");
  for (const auto& [family, name] : kFamilies) {
    if (device->supportsFamily(family)) facts.families.emplace_back(name);
  }
  return facts;
}

DeviceFacts device_facts() {
  const Pool pool;
  return facts_of(open_device().get());
}

}  // namespace gptoss::metal
