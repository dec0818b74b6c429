// MTLBuffer.
#pragma once

#include <Foundation/NSRange.hpp>
#include <Metal/MTLResource.hpp>

#include "softmetal/api/metal/memory.h"

namespace softmetal::api {

class Buffer : public Resource {
 public:
  Buffer(Device* device, const std::shared_ptr<Memory>& memory, uint64_t options);
  ~Buffer() override;
  const std::shared_ptr<Memory>& memory() const { return memory_; }
  void set_label_text(const std::string& label) override;
  static const Class& cls();

 private:
  void* contents();
  uint64_t length() { return memory_->bytes; }
  uint64_t gpu_address() { return reinterpret_cast<uintptr_t>(memory_->data); }
  uint64_t allocated_size() { return memory_->allocated(); }
  void did_modify(NS::Range range);
  MTL::StorageMode storage_mode();
  MTL::HazardTrackingMode hazard_tracking();
  uint64_t options() { return options_; }
  uint64_t purgeable(uint64_t) { return MTL::PurgeableStateNonVolatile; }

  std::shared_ptr<Memory> memory_;
  uint64_t options_;
  uint64_t checked_id_ = 0;  // of the checker
};

}  // namespace softmetal::api
