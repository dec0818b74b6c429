// What compute and blit encoders have in common: they record until endEncoding.
#pragma once

#include <vector>

#include "softmetal/api/metal/command_buffer.h"

namespace softmetal::api {

class Encoder : public Labelled {
 public:
  ~Encoder() override;
  uint64_t id() const { return id_; }
  static const Class& cls();

 protected:
  Encoder(const Class& cls, CommandBuffer* buffer, bool concurrent);
  // False, with a finding, after endEncoding.
  bool open(const char* call);
  // False, with a finding, if the object is nil or destroyed.
  bool usable(const Object* object, const char* call, const char* what);
  // A finding that makes the command buffer fail.
  void refuse(const std::string& kind, const char* call, const std::string& what,
              const KernelSignature* kernel = nullptr, const std::string& other = "");
  void use(Resource* resource) { buffer_->use(resource); }
  void record(Command command) { commands_.push_back(std::move(command)); }

  void update_fence(Fence* fence);
  void wait_for_fence(Fence* fence);

 private:
  void end();
  void text(String*) {}
  void pop() {}
  Device* device() { return buffer_->queue()->device(); }
  std::string call_name(const char* call) const;

  const Ref<CommandBuffer> buffer_;
  const uint64_t id_;
  const bool concurrent_;
  bool ended_ = false;
  std::vector<Command> commands_;
};

}  // namespace softmetal::api
