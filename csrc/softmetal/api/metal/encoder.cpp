#include "softmetal/api/metal/encoder.h"

#include "softmetal/api/metal/device.h"
#include "softmetal/state.h"

namespace softmetal::api {

Encoder::Encoder(const Class& cls, CommandBuffer* buffer, bool concurrent)
    : Labelled(cls),
      buffer_(Ref<CommandBuffer>::share(buffer)),
      id_(next_id()),
      concurrent_(concurrent) {}

Encoder::~Encoder() {
  if (!ended_) {
    refuse("api", "release", "an encoder is destroyed without endEncoding");
    buffer_->encoder_ended(this);
  }
}

std::string Encoder::call_name(const char* call) const {
  return std::string("-[") + cls_of().name() + " " + call + "]";
}

void Encoder::refuse(const std::string& kind, const char* call, const std::string& what,
                     const KernelSignature* kernel, const std::string& other) {
  std::string party = call_name(call);
  if (kernel != nullptr) party += " of " + kernel->described();
  const std::string of_other = other.empty() ? "" : " (" + other + ")";
  report(
      {kind, kernel == nullptr ? "" : kernel->name, party, other, party + ": " + what + of_other});
  buffer_->invalidate(what);
}

bool Encoder::open(const char* call) {
  if (!ended_) return true;
  refuse("api", call, "the encoder is used after endEncoding");
  return false;
}

bool Encoder::usable(const Object* object, const char* call, const char* what) {
  if (object == nullptr) {
    refuse("api", call, std::string(what) + " is nil");
    return false;
  }
  if (!object->alive()) {
    refuse("use-after-release", call, std::string("a destroyed ") + what + " is used");
    return false;
  }
  return true;
}

void Encoder::update_fence(Fence* fence) {
  if (!open("updateFence:") || !usable(fence, "updateFence:", "fence")) return;
  use(fence);
  record(FenceUpdate{id_, fence->lifetime()});
}

void Encoder::wait_for_fence(Fence* fence) {
  if (!open("waitForFence:") || !usable(fence, "waitForFence:", "fence")) return;
  if (fault_hits(Fault::ignore_fence_wait)) return;
  use(fence);
  record(FenceWait{id_, fence->lifetime()});
}

void Encoder::end() {
  if (!open("endEncoding")) return;
  ended_ = true;
  buffer_->record(EncoderBegin{id_, concurrent_, label_text()});
  for (Command& command : commands_) buffer_->record(std::move(command));
  commands_.clear();
  buffer_->record(EncoderEnd{id_});
  buffer_->encoder_ended(this);
}

const Class& Encoder::cls() {
  using T = Encoder;
  static const Class& cls = *new Class(
      "MTLCommandEncoder", &Labelled::cls(), nullptr,
      {method<&T::end>("endEncoding"), method<&T::device>("device"),
       method<&T::text>("pushDebugGroup:"), method<&T::pop>("popDebugGroup"),
       method<&T::text>("insertDebugSignpost:"), method<&T::update_fence>("updateFence:"),
       method<&T::wait_for_fence>("waitForFence:")});
  return cls;
}

}  // namespace softmetal::api
