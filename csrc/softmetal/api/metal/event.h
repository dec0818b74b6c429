// MTLFence, MTLEvent, MTLSharedEvent.
#pragma once

#include <condition_variable>
#include <mutex>

#include "softmetal/api/metal/resource.h"

namespace softmetal::api {

class Fence : public Resource {
 public:
  explicit Fence(Device* device);
  ~Fence() override;
  static const Class& cls();
};

// The value of an event; lives as long as any command that names it.
struct EventValue : Lifetime {
  EventValue() { kind = "event"; }
  uint64_t get() const;
  void set(uint64_t value);
  // False if the time passed first.
  bool wait(uint64_t value, uint64_t milliseconds) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  uint64_t value_ = 0;
};

class Event : public Resource {
 public:
  explicit Event(Device* device) : Event(cls(), device, std::make_shared<EventValue>()) {}
  ~Event() override;
  const std::shared_ptr<EventValue>& value() const { return value_; }
  static const Class& cls();

 protected:
  Event(const Class& cls, Device* device, const std::shared_ptr<EventValue>& value)
      : Resource(cls, device, value), value_(value) {}

 private:
  std::shared_ptr<EventValue> value_;
};

class SharedEvent : public Event {
 public:
  explicit SharedEvent(Device* device) : Event(cls(), device, std::make_shared<EventValue>()) {}
  static const Class& cls();

 private:
  uint64_t signaled();
  void set_signaled(uint64_t number);
  bool wait_until(uint64_t number, uint64_t milliseconds);
};

}  // namespace softmetal::api
