// The process-wide state behind control.h, as software Metal itself uses it.
#pragma once

#include <cstdint>
#include <string>

#include "softmetal/check/checker.h"
#include "softmetal/control.h"

namespace softmetal {

// Counts one pass of the fault's point; true if it is to fail now. `code` receives the fault's
// code.
bool fault_hits(Fault fault, int* code = nullptr);

// The macOS that is played (Settings::macos), without a lock.
int macos_version();

void add_to_ledger(const std::string& kernel, const LedgerEntry& entry);
void count_encoder_barrier();
void count_command_buffer();
void count_library(const std::string& options);

// The one checker of the device.
Checker& checker();

// Numbers that are never used twice: encoders, command buffers, queues, dispatches.
uint64_t next_id();

}  // namespace softmetal
