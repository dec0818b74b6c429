#include "softmetal/api/metal/blit_encoder.h"

namespace softmetal::api {

bool BlitEncoder::inside(const char* call, Buffer* buffer, uint64_t offset, uint64_t bytes) {
  if (!open(call) || !usable(buffer, call, "buffer")) return false;
  const uint64_t length = buffer->memory()->bytes;
  if (bytes > 0 && bytes <= length && offset <= length - bytes) return true;
  refuse("api", call,
         std::to_string(bytes) + " bytes at offset " + std::to_string(offset) +
             " are empty or outside " + buffer->memory()->name() + " of " + std::to_string(length));
  return false;
}

void BlitEncoder::copy_buffer(Buffer* from, uint64_t from_offset, Buffer* to, uint64_t to_offset,
                              uint64_t bytes) {
  constexpr const char* kCall = "copyFromBuffer:sourceOffset:toBuffer:destinationOffset:size:";
  if (!inside(kCall, from, from_offset, bytes) || !inside(kCall, to, to_offset, bytes)) return;
  use(from);
  use(to);
  record(CopyCommand{id(), from->memory(), to->memory(), from_offset, to_offset, bytes});
}

void BlitEncoder::fill(Buffer* buffer, NS::Range range, uint8_t value) {
  if (!inside("fillBuffer:range:value:", buffer, range.location, range.length)) return;
  use(buffer);
  record(FillCommand{id(), buffer->memory(), range.location, range.length, value});
}

const Class& BlitEncoder::cls() {
  using T = BlitEncoder;
  static const Class& cls = *new Class(
      "MTLBlitCommandEncoder", &Encoder::cls(), nullptr,
      {method<&T::copy_buffer>("copyFromBuffer:sourceOffset:toBuffer:destinationOffset:size:"),
       method<&T::fill>("fillBuffer:range:value:"),
       method<&T::synchronize>("synchronizeResource:")});
  return cls;
}

}  // namespace softmetal::api
