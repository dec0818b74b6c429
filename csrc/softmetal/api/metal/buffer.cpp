#include "softmetal/api/metal/buffer.h"

#include "softmetal/api/metal/device.h"
#include "softmetal/state.h"

namespace softmetal::api {

Buffer::Buffer(Device* device, const std::shared_ptr<Memory>& memory, uint64_t options)
    : Resource(cls(), device, memory), memory_(memory), options_(options) {
  BufferInfo info;
  info.data = memory->data;
  info.bytes = memory->bytes;
  info.slot = memory->slot;
  info.slot_bytes = memory->slot_bytes;
  info.tracked = hazard_tracking() == MTL::HazardTrackingModeTracked;
  checked_id_ = checker().buffer_created(info);
}

Buffer::~Buffer() { checker().buffer_destroyed(memory_->data, checked_id_); }

void Buffer::set_label_text(const std::string& label) {
  Resource::set_label_text(label);
  checker().buffer_labelled(memory_->data, label);
}

void* Buffer::contents() {
  return storage_mode() == MTL::StorageModePrivate ? nullptr : memory_->data;
}

void Buffer::did_modify(NS::Range range) {
  if (storage_mode() == MTL::StorageModeManaged && range.Max() <= memory_->bytes) return;
  report({"api", "", "-[MTLBuffer didModifyRange:]", "",
          "didModifyRange: is for managed buffers and ranges inside them"});
}

MTL::StorageMode Buffer::storage_mode() {
  return static_cast<MTL::StorageMode>(options_ >> 4 & 15);
}

MTL::HazardTrackingMode Buffer::hazard_tracking() {
  const auto mode = static_cast<MTL::HazardTrackingMode>(options_ >> 8 & 3);
  return mode == MTL::HazardTrackingModeDefault ? MTL::HazardTrackingModeTracked : mode;
}

const Class& Buffer::cls() {
  static const Class& cls = *new Class(
      "MTLBuffer", &Resource::cls(), nullptr,
      {method<&Buffer::contents>("contents"), method<&Buffer::length>("length"),
       method<&Buffer::gpu_address>("gpuAddress"), method<&Buffer::allocated_size>("allocatedSize"),
       method<&Buffer::did_modify>("didModifyRange:"), method<&Buffer::storage_mode>("storageMode"),
       method<&Buffer::hazard_tracking>("hazardTrackingMode"),
       method<&Buffer::options>("resourceOptions"),
       method<&Buffer::purgeable>("setPurgeableState:")});
  return cls;
}

}  // namespace softmetal::api
