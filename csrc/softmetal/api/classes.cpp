#include "softmetal/api/classes.h"

#include <cstring>
#include <vector>

#include "softmetal/api/autorelease.h"
#include "softmetal/api/foundation/error.h"
#include "softmetal/api/foundation/number.h"
#include "softmetal/api/foundation/process_info.h"
#include "softmetal/api/metal/blit_encoder.h"
#include "softmetal/api/metal/compute_encoder.h"
#include "softmetal/api/metal/device.h"
#include "softmetal/api/work.h"
#include "softmetal/control.h"

namespace softmetal::api {

namespace {

const std::vector<const Class*>& all_classes() {
  static const auto& classes = *new std::vector<const Class*>{&Object::cls(),
                                                              &AutoreleasePool::cls(),
                                                              &String::cls(),
                                                              &Number::cls(),
                                                              &Array::cls(),
                                                              &Dictionary::cls(),
                                                              &Enumerator::cls(),
                                                              &Error::cls(),
                                                              &ProcessInfo::cls(),
                                                              &Url::cls(),
                                                              &Device::cls(),
                                                              &Buffer::cls(),
                                                              &LibraryOptions::cls(),
                                                              &FunctionConstants::cls(),
                                                              &Library::cls(),
                                                              &Function::cls(),
                                                              &PipelineDescriptor::cls(),
                                                              &PipelineState::cls(),
                                                              &CommandQueue::cls(),
                                                              &CommandBufferDescriptor::cls(),
                                                              &CommandBuffer::cls(),
                                                              &ComputeEncoder::cls(),
                                                              &BlitEncoder::cls(),
                                                              &Fence::cls(),
                                                              &Event::cls(),
                                                              &SharedEvent::cls(),
                                                              &ResidencySetDescriptor::cls(),
                                                              &ResidencySet::cls()};
  return classes;
}

}  // namespace

const Class* find_class(const char* name) {
  for (const Class* cls : all_classes()) {
    if (std::strcmp(cls->name(), name) == 0) return cls;
  }
  return nullptr;
}

}  // namespace softmetal::api

namespace softmetal {

std::map<std::string, uint64_t> live_objects() {
  constexpr int kLongest = 2000;  // milliseconds that other threads get to finish
  api::Work::wait_until_none(kLongest);
  std::map<std::string, uint64_t> live;
  for (const api::Class* cls : api::all_classes()) {
    if (cls->live > 0) live[cls->name()] = static_cast<uint64_t>(cls->live.load());
  }
  return live;
}

}  // namespace softmetal
