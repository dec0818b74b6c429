#include "softmetal/api/metal/residency_set.h"

#include <algorithm>

#include "softmetal/api/metal/device.h"

namespace softmetal::api {

namespace {

std::shared_ptr<Lifetime> set_lifetime(const std::string& label) {
  auto made = std::make_shared<Lifetime>();
  made->kind = "residency set";
  made->set_label(label);
  return made;
}

auto find(std::vector<Ref<Buffer>>& buffers, const Buffer* buffer) {
  return std::find_if(buffers.begin(), buffers.end(),
                      [&](const Ref<Buffer>& b) { return b.get() == buffer; });
}

}  // namespace

const Class& ResidencySetDescriptor::cls() {
  static const Class& cls =
      *new Class("MTLResidencySetDescriptor", &Labelled::cls(), create<ResidencySetDescriptor>,
                 {method<&ResidencySetDescriptor::set_capacity>("setInitialCapacity:"),
                  method<&ResidencySetDescriptor::capacity>("initialCapacity")},
                 15);
  return cls;
}

ResidencySet::ResidencySet(Device* device, const std::string& label)
    : Resource(cls(), device, set_lifetime(label)) {}

std::vector<std::shared_ptr<Memory>> ResidencySet::resident() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::shared_ptr<Memory>> result;
  for (const Ref<Buffer>& buffer : committed_) result.push_back(buffer->memory());
  return result;
}

void ResidencySet::add(Buffer* buffer) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (find(next_, buffer) == next_.end()) next_.push_back(Ref<Buffer>::share(buffer));
}

void ResidencySet::add_many(Buffer* const* buffers, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) add(buffers[i]);
}

void ResidencySet::remove(Buffer* buffer) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = find(next_, buffer);
  if (found != next_.end()) next_.erase(found);
}

void ResidencySet::remove_many(Buffer* const* buffers, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) remove(buffers[i]);
}

void ResidencySet::remove_all() {
  const std::lock_guard<std::mutex> lock(mutex_);
  next_.clear();
}

void ResidencySet::commit() {
  std::vector<Ref<Buffer>> old;  // released after the lock
  const std::lock_guard<std::mutex> lock(mutex_);
  old = std::exchange(committed_, next_);
}

bool ResidencySet::contains(Buffer* buffer) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return find(next_, buffer) != next_.end();
}

uint64_t ResidencySet::count() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return next_.size();
}

uint64_t ResidencySet::allocated_size() {
  uint64_t sum = 0;
  for (const std::shared_ptr<Memory>& memory : resident()) sum += memory->allocated();
  return sum;
}

const Class& ResidencySet::cls() {
  static const Class& cls = *new Class(
      "MTLResidencySet", &Resource::cls(), nullptr,
      {method<&ResidencySet::add>("addAllocation:"),
       method<&ResidencySet::add_many>("addAllocations:count:"),
       method<&ResidencySet::remove>("removeAllocation:"),
       method<&ResidencySet::remove_many>("removeAllocations:count:"),
       method<&ResidencySet::remove_all>("removeAllAllocations"),
       method<&ResidencySet::commit>("commit"), method<&ResidencySet::request>("requestResidency"),
       method<&ResidencySet::end>("endResidency"),
       method<&ResidencySet::contains>("containsAllocation:"),
       method<&ResidencySet::count>("allocationCount"),
       method<&ResidencySet::allocated_size>("allocatedSize")},
      15);
  return cls;
}

}  // namespace softmetal::api
