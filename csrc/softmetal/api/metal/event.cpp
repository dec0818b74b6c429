#include "softmetal/api/metal/event.h"

#include <chrono>

#include "softmetal/api/metal/device.h"
#include "softmetal/state.h"

namespace softmetal::api {

namespace {

std::shared_ptr<Lifetime> fence_lifetime() {
  auto made = std::make_shared<Lifetime>();
  made->kind = "fence";
  return made;
}

}  // namespace

Fence::Fence(Device* device) : Resource(cls(), device, fence_lifetime()) {}

Fence::~Fence() { checker().fence_destroyed(lifetime().get()); }

const Class& Fence::cls() {
  static const Class& cls = *new Class("MTLFence", &Resource::cls(), nullptr, {});
  return cls;
}

uint64_t EventValue::get() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return value_;
}

void EventValue::set(uint64_t value) {
  const std::lock_guard<std::mutex> lock(mutex_);
  value_ = value;
  changed_.notify_all();
}

bool EventValue::wait(uint64_t value, uint64_t milliseconds) const {
  std::unique_lock<std::mutex> lock(mutex_);
  const uint64_t longest = uint64_t{24} * 3600 * 1000;
  return changed_.wait_for(lock, std::chrono::milliseconds(std::min(milliseconds, longest)),
                           [&] { return value_ >= value; });
}

Event::~Event() { checker().event_destroyed(value_.get()); }

const Class& Event::cls() {
  static const Class& cls = *new Class("MTLEvent", &Resource::cls(), nullptr, {});
  return cls;
}

uint64_t SharedEvent::signaled() {
  const uint64_t number = value()->get();
  checker().event_seen(value().get(), number);
  return number;
}

void SharedEvent::set_signaled(uint64_t number) {
  checker().event_signalled_by_host(value().get(), number);
  value()->set(number);
}

bool SharedEvent::wait_until(uint64_t number, uint64_t milliseconds) {
  if (!value()->wait(number, milliseconds)) return false;
  checker().event_seen(value().get(), number);
  return true;
}

const Class& SharedEvent::cls() {
  static const Class& cls =
      *new Class("MTLSharedEvent", &Event::cls(), nullptr,
                 {method<&SharedEvent::signaled>("signaledValue"),
                  method<&SharedEvent::set_signaled>("setSignaledValue:"),
                  method<&SharedEvent::wait_until>("waitUntilSignaledValue:timeoutMS:")});
  return cls;
}

}  // namespace softmetal::api
