// MTLDevice.
#pragma once

#include <Metal/MTLDevice.hpp>

#include "softmetal/api/foundation/url.h"
#include "softmetal/api/metal/buffer.h"
#include "softmetal/api/metal/event.h"
#include "softmetal/api/metal/library.h"
#include "softmetal/api/metal/pipeline.h"
#include "softmetal/api/metal/residency_set.h"

namespace softmetal::api {

class CommandQueue;

class Device : public Object {
 public:
  Device() : Object(cls()) {}
  static const Class& cls();

 private:
  // device.cpp
  String* name() { return autoreleased(new String("Software Metal")); }
  uint64_t max_buffer_length();
  uint64_t working_set();
  uint64_t allocated() { return Memory::total(); }
  uint64_t threadgroup_memory();
  uint64_t registry_id() { return 0x736f6674; }
  MTL::Size max_threads() { return MTL::Size(1024, 1024, 1024); }
  bool supports_family(int64_t family);
  bool yes() { return true; }
  bool no() { return false; }
  CommandQueue* queue();
  CommandQueue* queue_with(uint64_t command_buffers);
  Fence* fence();
  Event* event();
  SharedEvent* shared_event();
  ResidencySet* residency_set(ResidencySetDescriptor* descriptor, Error** error);

  // device_buffers.cpp
  bool may_allocate(uint64_t bytes, const char* call);
  Buffer* buffer(uint64_t bytes, uint64_t options);
  Buffer* buffer_copy(const void* data, uint64_t bytes, uint64_t options);
  Buffer* buffer_no_copy(void* data, uint64_t bytes, uint64_t options, const void* deallocator);

  // device_compile.cpp
  Library* library(String* source, LibraryOptions* options, Error** error);
  void library_async(String* source, LibraryOptions* options, const void* handler);
  Library* library_url(Url* url, Error** error);
  Library* library_file(String* path, Error** error);
  Library* library_data(const void* data, Error** error);
  Library* default_library();
  PipelineState* pipeline(Function* function, Error** error);
  void pipeline_async(Function* function, const void* handler);
  PipelineState* pipeline_with(PipelineDescriptor* descriptor, uint64_t options,
                               Object** reflection, Error** error);
  void pipeline_with_async(PipelineDescriptor* descriptor, uint64_t options, const void* handler);
};

}  // namespace softmetal::api
