// What tests can ask of the software Metal beyond Apple's interface: modes, small machines, faults,
// findings, counts. All calls may come from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "softmetal/engine/dispatch.h"

namespace softmetal {

struct Settings {
  Mode mode = Mode::fast;
  Schedule schedule;
  uint64_t max_buffer_length = uint64_t{9} << 30;
  uint64_t working_set = uint64_t{12} << 30;  // recommendedMaxWorkingSetSize
  uint32_t max_threadgroup_memory = 32768;
  uint32_t slowdown_us = 0;  // added to each command buffer
  int macos = 15;            // major version; 14 has no residency sets and no math modes
};
Settings settings();
void set_settings(const Settings& settings);

// One thing that is wrong, in kernels or in the use of the API.
struct Finding {
  std::string kind;    // "out-of-bounds", "uninitialised", "race", "missing-barrier", "divergence",
                       // "misaligned-offset", "threadgroup-memory", "use-after-release", "api", …
  std::string kernel;  // or empty for API findings
  std::string first;   // the party that found it: "file:line thread (…) of group (…)"
  std::string second;  // the other party: thread, buffer, dispatch or call; may be empty
  std::string text;    // the whole message, one line
  uint64_t count = 1;  // how often it was reported
};
void report(Finding finding);  // equal ones (kind, kernel, lines) are kept once, with a count
std::vector<Finding> take_findings();  // and clears them

// Faults on demand. Counters count calls from set_fault() on, starting with 0.
enum class Fault {
  buffer_allocation,     // the n-th newBuffer… returns nil
  object_allocation,     // the n-th newCommandQueue, commandBuffer, encoder, fence, event, heap,
                         // residency set, function, pipeline, library… returns nil (with NSError
                         // where the call has one)
  compile,               // the n-th newLibraryWithSource fails with an NSError
  pipeline,              // the n-th newComputePipelineState fails with an NSError
  command_buffer_error,  // the n-th committed command buffer fails with MTLCommandBufferError
                         // `code`
  device_lost,           // from the n-th commit on, all fail as after a device removal
  no_device,             // MTLCreateSystemDefaultDevice returns nil
  residency,             // the n-th newResidencySet fails with an NSError
  ignore_barrier,        // the n-th memoryBarrier of encoders is ignored: a planted race
  ignore_fence_wait,     // the n-th waitForFence is ignored
};
void set_fault(Fault fault, int n, int code = 0);
void clear_faults();
// How often the point of each fault was passed since set_fault/clear_faults (to enumerate them).
uint64_t passes(Fault fault);

// Live Objective-C objects by class, to find leaks.
std::map<std::string, uint64_t> live_objects();

// Per kernel, since the last reset (checked mode counts bytes, fast mode only dispatches).
struct LedgerEntry {
  uint64_t dispatches = 0;
  uint64_t threadgroups = 0;
  uint64_t bytes_read = 0, bytes_written = 0;    // device memory, each access
  uint64_t unique_read = 0, unique_written = 0;  // per dispatch, distinct bytes, summed
  uint64_t threadgroup_barriers = 0;
};
struct Ledger {
  std::map<std::string, LedgerEntry> kernels;
  uint64_t encoder_barriers = 0;
  uint64_t command_buffers = 0;
  std::vector<std::string> libraries;  // what each was compiled with: language, math, functions
};
Ledger ledger();
void reset_ledger();

}  // namespace softmetal
