#include "softmetal/api/metal/device.h"

#include "softmetal/api/metal/command_queue.h"
#include "softmetal/state.h"

namespace softmetal::api {

uint64_t Device::max_buffer_length() { return settings().max_buffer_length; }
uint64_t Device::working_set() { return settings().working_set; }
uint64_t Device::threadgroup_memory() { return settings().max_threadgroup_memory; }

// As an M1: Apple1 to Apple7, Mac2, Common1 to Common3, Metal3.
bool Device::supports_family(int64_t family) {
  return (family >= MTL::GPUFamilyApple1 && family <= MTL::GPUFamilyApple7) ||
         (family >= MTL::GPUFamilyCommon1 && family <= MTL::GPUFamilyCommon3) ||
         family == MTL::GPUFamilyMac2 || family == MTL::GPUFamilyMetal3;
}

CommandQueue* Device::queue() { return queue_with(64); }

CommandQueue* Device::queue_with(uint64_t command_buffers) {
  if (fault_hits(Fault::object_allocation)) return nullptr;
  return new CommandQueue(this, command_buffers);
}

Fence* Device::fence() { return fault_hits(Fault::object_allocation) ? nullptr : new Fence(this); }

Event* Device::event() { return fault_hits(Fault::object_allocation) ? nullptr : new Event(this); }

SharedEvent* Device::shared_event() {
  return fault_hits(Fault::object_allocation) ? nullptr : new SharedEvent(this);
}

ResidencySet* Device::residency_set(ResidencySetDescriptor* descriptor, Error** error) {
  if (fault_hits(Fault::residency) || fault_hits(Fault::object_allocation)) {
    set_error(error, "MTLResidencySetErrorDomain", 1, "Insufficient memory for a residency set");
    return nullptr;
  }
  return new ResidencySet(this, descriptor == nullptr ? "" : descriptor->label_text());
}

const Class& Device::cls() {
  using T = Device;
  static const Class& cls = *new Class(
      "MTLDevice", &Object::cls(), nullptr,
      {method<&T::name>("name"),
       method<&T::max_buffer_length>("maxBufferLength"),
       method<&T::working_set>("recommendedMaxWorkingSetSize"),
       method<&T::allocated>("currentAllocatedSize"),
       method<&T::threadgroup_memory>("maxThreadgroupMemoryLength"),
       method<&T::registry_id>("registryID"),
       method<&T::max_threads>("maxThreadsPerThreadgroup"),
       method<&T::supports_family>("supportsFamily:"),
       method<&T::yes>("hasUnifiedMemory"),
       method<&T::no>("isLowPower"),
       method<&T::no>("isHeadless"),
       method<&T::no>("isRemovable"),
       method<&T::queue>("newCommandQueue"),
       method<&T::queue_with>("newCommandQueueWithMaxCommandBufferCount:"),
       method<&T::fence>("newFence"),
       method<&T::event>("newEvent"),
       method<&T::shared_event>("newSharedEvent"),
       method<&T::residency_set>("newResidencySetWithDescriptor:error:", 15),
       method<&T::buffer>("newBufferWithLength:options:"),
       method<&T::buffer_copy>("newBufferWithBytes:length:options:"),
       method<&T::buffer_no_copy>("newBufferWithBytesNoCopy:length:options:deallocator:"),
       method<&T::library>("newLibraryWithSource:options:error:"),
       method<&T::library_async>("newLibraryWithSource:options:completionHandler:"),
       method<&T::library_url>("newLibraryWithURL:error:"),
       method<&T::library_file>("newLibraryWithFile:error:"),
       method<&T::library_data>("newLibraryWithData:error:"),
       method<&T::default_library>("newDefaultLibrary"),
       method<&T::pipeline>("newComputePipelineStateWithFunction:error:"),
       method<&T::pipeline_async>("newComputePipelineStateWithFunction:completionHandler:"),
       method<&T::pipeline_with>("newComputePipelineStateWithDescriptor:options:reflection:error:"),
       method<&T::pipeline_with_async>(
           "newComputePipelineStateWithDescriptor:options:completionHandler:")});
  return cls;
}

}  // namespace softmetal::api

extern "C" {

MTL::Device* MTLCreateSystemDefaultDevice() {
  using softmetal::Fault;
  if (softmetal::fault_hits(Fault::no_device)) return nullptr;
  return reinterpret_cast<MTL::Device*>(new softmetal::api::Device);
}

NS::Array* MTLCopyAllDevices() {
  std::vector<softmetal::api::Ref<softmetal::api::Object>> devices;
  if (MTL::Device* device = MTLCreateSystemDefaultDevice()) {
    devices.push_back(softmetal::api::Ref<softmetal::api::Object>::adopt(
        reinterpret_cast<softmetal::api::Device*>(device)));
  }
  return reinterpret_cast<NS::Array*>(new softmetal::api::Array(std::move(devices)));
}

NS::Array* MTLCopyAllDevicesWithObserver(NS::Object** observer,
                                         MTL::DeviceNotificationHandlerBlock) {
  if (observer != nullptr) *observer = nullptr;
  return MTLCopyAllDevices();
}

void MTLRemoveDeviceObserver(const NS::Object*) {}
}
