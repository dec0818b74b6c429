// Keeps buffers resident on the GPU. macOS 15 and later: several residency sets, because newer
// versions decide about each set as a whole, so one giant set would thrash. macOS 14: a list of the
// buffers that kernels reach through addresses, named to each encoder.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "metal/memory.h"

namespace gptoss::metal {

class Residency {
 public:
  // `most_sets` bounds the sets; a queue takes 32 in all.
  Residency(MTL::Device* device, const DeviceFacts& facts, size_t most_sets, std::string label);
  ~Residency();
  Residency(const Residency&) = delete;
  Residency& operator=(const Residency&) = delete;

  // Bound buffers are resident in any case; `indirect` ones are reached through addresses. The
  // buffer leaves by itself when it goes.
  void add(Buffer& buffer, bool indirect);
  // The same for a buffer that other residencies hold, too: it stays until release().
  void hold(const Buffer& buffer, bool indirect);
  void release(const Buffer& buffer);
  // Makes what was added and has left count.
  void commit();

  // Grows, never shrinks: emptied sets are filled again.
  size_t sets() const { return sets_.size(); }
  void attach(MTL::CommandQueue* queue, size_t set) const;
  // What encoders must be told of, on macOS 14.
  const std::vector<const MTL::Resource*>& indirect() const { return indirect_; }

 private:
  struct Set {
    Ref<MTL::ResidencySet> set;
    uint64_t bytes;
    bool changed;
  };
  Set& set_for(uint64_t bytes);

  MTL::Device* device_;
  bool supported_;
  uint64_t set_bytes_;
  size_t most_sets_;
  std::string label_;
  std::vector<Set> sets_;
  std::vector<const MTL::Resource*> indirect_;
};

}  // namespace gptoss::metal
