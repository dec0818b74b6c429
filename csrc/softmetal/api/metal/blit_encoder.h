// MTLBlitCommandEncoder: copies and fills of buffers.
#pragma once

#include "softmetal/api/metal/encoder.h"

namespace softmetal::api {

class BlitEncoder : public Encoder {
 public:
  explicit BlitEncoder(CommandBuffer* buffer) : Encoder(cls(), buffer, false) {}
  static const Class& cls();

 private:
  bool inside(const char* call, Buffer* buffer, uint64_t offset, uint64_t bytes);
  void copy_buffer(Buffer* from, uint64_t from_offset, Buffer* to, uint64_t to_offset,
                   uint64_t bytes);
  void fill(Buffer* buffer, NS::Range range, uint8_t value);
  void synchronize(Buffer*) {}
};

}  // namespace softmetal::api
