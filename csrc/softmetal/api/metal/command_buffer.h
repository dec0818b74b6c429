// MTLCommandBuffer and its descriptor.
#pragma once

#include <Metal/MTLCommandBuffer.hpp>
#include <condition_variable>
#include <mutex>
#include <set>
#include <vector>

#include "softmetal/api/block.h"
#include "softmetal/api/foundation/error.h"
#include "softmetal/api/metal/command_queue.h"
#include "softmetal/api/metal/commands.h"

namespace softmetal::api {

class Encoder;

class CommandBufferDescriptor : public Object {
 public:
  CommandBufferDescriptor() : Object(cls()) {}
  Object* copy() override { return new CommandBufferDescriptor(*this); }
  bool retained() { return retained_; }
  static const Class& cls();

 private:
  void set_retained(bool retained) { retained_ = retained; }
  void set_error_options(uint64_t options) { error_options_ = options; }
  uint64_t error_options() { return error_options_; }

  bool retained_ = true;
  uint64_t error_options_ = 0;
};

// Why a command buffer failed; code 0 = it did not.
struct Failure {
  int code = 0;  // MTLCommandBufferError
  std::string text;
};

class CommandBuffer : public Labelled {
 public:
  CommandBuffer(CommandQueue* queue, bool retained);
  ~CommandBuffer() override;
  uint64_t id() const { return id_; }
  CommandQueue* queue() { return queue_.get(); }

  // From encoders. The object stays alive until the end, if references are retained.
  void use(Resource* resource);
  void record(Command command) { commands_.push_back(std::move(command)); }
  // Something was encoded that Apple's validation refuses: the command buffer will fail.
  void invalidate(const std::string& why);
  void encoder_ended(Encoder* encoder);

  // From the queue's thread: everything from scheduling to the handlers.
  void execute();
  static const Class& cls();

 private:
  using Handler = Block<void(CommandBuffer*)>;

  // command_buffer.cpp: what the host calls
  Object* compute_encoder();
  Object* compute_encoder_of(uint64_t type);
  Object* compute_encoder_with(Object* descriptor);
  Object* blit_encoder();
  void begin(Encoder* encoder);
  bool may_encode(const char* call);
  void enqueue();
  void commit();
  void wait_completed();
  void wait_scheduled();
  uint64_t status();
  Error* error();
  void add_completed(const void* handler);
  void add_scheduled(const void* handler);
  double gpu_start() { return gpu_start_; }
  double gpu_end() { return gpu_end_; }
  void signal_event(Event* event, uint64_t value);
  void wait_event(Event* event, uint64_t value);
  void use_set(ResidencySet* set);
  void use_sets(ResidencySet* const* sets, uint64_t count);
  bool retained() { return retained_references_; }
  uint64_t error_options() { return 0; }
  void push_group(String*) {}
  void pop_group() {}
  Device* device();

  // command_buffer_run.cpp
  void take_planted_failure();
  const KernelSignature* kernel_with(const std::shared_ptr<Lifetime>& resource) const;
  void check_references();
  std::vector<std::shared_ptr<Memory>> residents() const;
  void set_status(uint64_t status);
  void finish();

  const Ref<CommandQueue> queue_;
  const uint64_t id_;
  const bool retained_references_;
  std::vector<Command> commands_;
  std::set<std::shared_ptr<Lifetime>> uses_;
  std::vector<Ref<Object>> retained_;
  std::vector<Ref<ResidencySet>> sets_;
  Encoder* open_ = nullptr;
  Mode mode_ = Mode::fast;
  Failure failure_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<uint64_t> status_{MTL::CommandBufferStatusNotEnqueued};
  bool done_ = false;  // handlers have run
  Ref<Error> error_;
  std::vector<Handler> scheduled_, completed_;
  std::atomic<double> gpu_start_{0}, gpu_end_{0};
};

}  // namespace softmetal::api
