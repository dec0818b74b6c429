#include "metal/residency.h"

#include <algorithm>

#include "metal/failure.h"

namespace gptoss::metal {

Residency::Residency(MTL::Device* device, const DeviceFacts& facts, size_t most_sets,
                     std::string label)
    : device_(device),
      supported_(facts.residency_sets),
      set_bytes_(std::max<uint64_t>(facts.working_set / 20, 1)),
      most_sets_(most_sets),
      label_(std::move(label)) {}

Residency::~Residency() {
  for (Set& set : sets_) set.set->endResidency();
}

Residency::Set& Residency::set_for(uint64_t bytes) {
  for (Set& set : sets_) {
    if (set.bytes == 0 || set.bytes + bytes <= set_bytes_) return set;
  }
  if (sets_.size() == most_sets_) {
    return *std::min_element(sets_.begin(), sets_.end(),
                             [](const Set& a, const Set& b) { return a.bytes < b.bytes; });
  }
  const Ref<MTL::ResidencySetDescriptor> descriptor =
      owned(MTL::ResidencySetDescriptor::alloc()->init());
  descriptor->setLabel(ns_string(label_).get());
  NS::Error* error = nullptr;
  Ref<MTL::ResidencySet> set = owned(device_->newResidencySet(descriptor.get(), &error));
  if (!set) throw object_failure("residency set", error);
  sets_.push_back({std::move(set), 0, false});
  return sets_.back();
}

void Residency::add(Buffer& buffer, bool indirect) {
  hold(buffer, indirect);
  buffer.residency_ = this;
}

void Residency::hold(const Buffer& buffer, bool indirect) {
  if (!supported_) {
    if (indirect) indirect_.push_back(buffer.get());
    return;
  }
  Set& set = set_for(buffer.bytes());
  set.set->addAllocation(buffer.get());
  set.bytes += buffer.bytes();
  set.changed = true;
}

void Residency::release(const Buffer& buffer) {
  std::erase(indirect_, buffer.get());
  for (Set& set : sets_) {
    if (!set.set->containsAllocation(buffer.get())) continue;
    set.set->removeAllocation(buffer.get());
    set.bytes -= buffer.bytes();
    set.changed = true;
    return;
  }
}

void Residency::commit() {
  for (Set& set : sets_) {
    if (!set.changed) continue;
    set.set->commit();
    if (set.bytes > 0) set.set->requestResidency();
    set.changed = false;
  }
}

void Residency::attach(MTL::CommandQueue* queue, size_t set) const {
  queue->addResidencySet(sets_[set].set.get());
}

}  // namespace gptoss::metal
