// What Metal objects that the GPU uses have in common: a label, a device, and the knowledge whether
// pending command buffers still need them.
#pragma once

#include <memory>
#include <mutex>

#include "softmetal/api/foundation/string.h"
#include "softmetal/api/runtime.h"

namespace softmetal::api {

class Device;

// Lives as long as the object or any command that names it.
struct Lifetime {
  std::string kind;  // "buffer", "fence", …
  std::atomic<bool> released{false};
  std::atomic<int> pending{0};  // committed, unfinished command buffers that name it

  std::string name() const;  // "buffer 'weights'"
  std::string label() const;
  void set_label(const std::string& label);

 private:
  mutable std::mutex mutex_;
  std::string label_;
};

// An object with a label.
class Labelled : public Object {
 public:
  explicit Labelled(const Class& cls) : Object(cls) {}
  virtual std::string label_text() const { return label_; }
  virtual void set_label_text(const std::string& label) { label_ = label; }
  static const Class& cls();

 private:
  String* label();
  void set_label(String* label) { set_label_text(text_of(label)); }

  std::string label_;
};

// A labelled object that commands refer to. Destroying it under a pending command buffer is a
// finding.
class Resource : public Labelled {
 public:
  Resource(const Class& cls, Device* device, std::shared_ptr<Lifetime> lifetime);
  ~Resource() override;
  const std::shared_ptr<Lifetime>& lifetime() const { return lifetime_; }
  std::string label_text() const override { return lifetime_->label(); }
  void set_label_text(const std::string& label) override { lifetime_->set_label(label); }
  Device* device() { return device_.get(); }
  static const Class& cls();

 private:
  Ref<Device> device_;
  std::shared_ptr<Lifetime> lifetime_;
};

}  // namespace softmetal::api
