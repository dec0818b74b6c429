// Executes the commands of one command buffer.
#pragma once

#include "softmetal/api/metal/command_buffer.h"
#include "softmetal/control.h"

namespace softmetal::api {

class Execution {
 public:
  Execution(uint64_t command_buffer, const Settings& settings, bool checked,
            std::vector<std::shared_ptr<Memory>> residents)
      : command_buffer_(command_buffer),
        settings_(settings),
        checked_(checked),
        residents_(std::move(residents)) {}
  // Stops at the first command that fails.
  Failure run(const std::vector<Command>& commands);

  void operator()(const EncoderBegin& command);
  void operator()(const EncoderEnd& command);
  void operator()(const UseResource& command);
  void operator()(const DispatchCommand& command);
  void operator()(const BarrierCommand& command);
  void operator()(const FenceUpdate& command);
  void operator()(const FenceWait& command);
  void operator()(const CopyCommand& command);
  void operator()(const FillCommand& command);
  void operator()(const EventSignal& command);
  void operator()(const EventWait& command);

 private:
  bool usable(const std::shared_ptr<Lifetime>& resource);
  void fail(int code, const std::string& text);
  void launch(const DispatchCommand& command, const Dispatch& dispatch);

  const uint64_t command_buffer_;
  const Settings settings_;
  const bool checked_;
  const std::vector<std::shared_ptr<Memory>> residents_;
  Failure failure_;
};

}  // namespace softmetal::api
