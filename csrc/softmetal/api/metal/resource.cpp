#include "softmetal/api/metal/resource.h"

#include "softmetal/api/metal/device.h"
#include "softmetal/state.h"

namespace softmetal::api {

std::string Lifetime::label() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return label_;
}

void Lifetime::set_label(const std::string& label) {
  const std::lock_guard<std::mutex> lock(mutex_);
  label_ = label;
}

std::string Lifetime::name() const {
  const std::string text = label();
  return text.empty() ? kind : kind + " '" + text + "'";
}

String* Labelled::label() {
  const std::string text = label_text();
  return text.empty() ? nullptr : autoreleased(new String(text));
}

const Class& Labelled::cls() {
  static const Class& cls =
      *new Class("MTLLabelled", &Object::cls(), nullptr,
                 {method<&Labelled::label>("label"), method<&Labelled::set_label>("setLabel:")});
  return cls;
}

Resource::Resource(const Class& cls, Device* device, std::shared_ptr<Lifetime> lifetime)
    : Labelled(cls), device_(Ref<Device>::share(device)), lifetime_(std::move(lifetime)) {}

Resource::~Resource() {
  lifetime_->released = true;
  if (lifetime_->pending == 0) return;
  report({"use-after-release", "", lifetime_->name(), "",
          lifetime_->name() + " is destroyed while a committed command buffer still uses it"});
}

const Class& Resource::cls() {
  static const Class& cls = *new Class("MTLTrackedObject", &Labelled::cls(), nullptr,
                                       {method<&Resource::device>("device")});
  return cls;
}

}  // namespace softmetal::api
