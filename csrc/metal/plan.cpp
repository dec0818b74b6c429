#include "metal/plan.h"

#include <algorithm>
#include <stdexcept>

namespace gptoss::metal {

void Plan::add(Kernel kernel, const void* args, size_t args_bytes, uint32_t count,
               const Slice* buffers, size_t buffer_count, int layer) {
  const KernelInfo& kernel_info = info(kernel);
  const bool fits =
      args_bytes == kernel_info.args_bytes && buffer_count == kernel_info.parameters.size();
  if (!fits) throw std::logic_error("a step does not fit the kernel table");
  Step step{kernel, count, {}, {}, layer};
  std::memcpy(step.args.data(), args, args_bytes);
  std::copy_n(buffers, buffer_count, step.buffers.begin());
  steps_.push_back(step);
}

// Calls visit(range, reads, writes) for all that the step touches.
template <class Visit>
void Hazards::visit(const Step& step, Visit visit) {
  const auto& parameters = info(step.kernel).parameters;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Slice& slice = step.buffers[i];
    const Range range{slice.buffer, slice.offset, slice.offset + slice.length};
    if (parameters[i].pages) {
      visit(range, true, false);
      const uint64_t layer = static_cast<uint64_t>(step.layer);
      visit(Range{nullptr, layer, layer + 1}, parameters[i].reads(), parameters[i].writes());
    } else {
      visit(range, parameters[i].reads(), parameters[i].writes());
    }
  }
}

bool Hazards::overlaps(const std::vector<Range>& ranges, const Range& range) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const Range& other) {
    return other.object == range.object && other.begin < range.end && range.begin < other.end;
  });
}

bool Hazards::conflicts(const Step& step) const {
  bool found = false;
  visit(step, [&](const Range& range, bool reads, bool writes) {
    found = found || overlaps(written_, range) || (writes && overlaps(read_, range));
    static_cast<void>(reads);  // whoever reads or writes waits for a writer
  });
  return found;
}

void Hazards::add(const Step& step) {
  visit(step, [&](const Range& range, bool reads, bool writes) {
    if (reads) read_.push_back(range);
    if (writes) written_.push_back(range);
  });
}

void Hazards::clear() {
  read_.clear();
  written_.clear();
}

double most_seconds(const Step& step) {
  constexpr double kOperationsPerSecond = 2.6e12 / 8;
  constexpr double kBytesPerSecond = 68e9 / 4;
  const Work work = info(step.kernel).work(step.args.data(), step.count);
  return std::max(work.operations / kOperationsPerSecond, work.bytes / kBytesPerSecond);
}

size_t command_buffer_end(const std::vector<Step>& steps, size_t first) {
  constexpr double kMostSeconds = 0.5;
  constexpr size_t kFirstSteps = 16;
  const size_t end = first == 0 ? std::min(kFirstSteps, steps.size()) : steps.size();
  double seconds = most_seconds(steps[first]);
  size_t next = first + 1;
  while (next < end && seconds + most_seconds(steps[next]) <= kMostSeconds) {
    seconds += most_seconds(steps[next++]);
  }
  return next;
}

int rows_per_part(const Step& whole, int rows, int tile) {
  constexpr double kMostSeconds = 0.4;
  const int tiles = (rows + tile - 1) / tile;
  const double parts = std::max(most_seconds(whole) / kMostSeconds, 1.0);
  return std::max(static_cast<int>(tiles / parts), 1) * tile;
}

}  // namespace gptoss::metal
