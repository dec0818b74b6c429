// MTLResidencySet and its descriptor (macOS 15).
#pragma once

#include <mutex>
#include <vector>

#include "softmetal/api/metal/buffer.h"

namespace softmetal::api {

class ResidencySetDescriptor : public Labelled {
 public:
  ResidencySetDescriptor() : Labelled(cls()) {}
  Object* copy() override { return new ResidencySetDescriptor(*this); }
  static const Class& cls();

 private:
  void set_capacity(uint64_t capacity) { capacity_ = capacity; }
  uint64_t capacity() { return capacity_; }

  uint64_t capacity_ = 0;
};

// Retains its allocations. Additions and removals take effect at the next commit.
class ResidencySet : public Resource {
 public:
  ResidencySet(Device* device, const std::string& label);
  // The committed buffers' memory.
  std::vector<std::shared_ptr<Memory>> resident() const;
  static const Class& cls();

 private:
  void add(Buffer* buffer);
  void add_many(Buffer* const* buffers, uint64_t count);
  void remove(Buffer* buffer);
  void remove_many(Buffer* const* buffers, uint64_t count);
  void remove_all();
  void commit();
  void request() {}
  void end() {}
  bool contains(Buffer* buffer);
  uint64_t count();
  uint64_t allocated_size();

  mutable std::mutex mutex_;
  std::vector<Ref<Buffer>> next_, committed_;
};

}  // namespace softmetal::api
