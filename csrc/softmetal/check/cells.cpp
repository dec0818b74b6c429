// The race detector's memory of a page.
#include "softmetal/check/cells.h"

#include <algorithm>
#include <bit>

#include "softmetal/engine/dispatch.h"

namespace softmetal {

namespace {

// Whether `earlier` is over for the running thread. Groups of one dispatch are never ordered.
bool over(const Moment& earlier, const Moment& now, const Epochs& epochs) {
  if (earlier.group != now.group) return false;
  if (earlier.thread == now.thread || earlier.time < epochs.group) return true;
  return earlier.thread / kSimdWidth == now.thread / kSimdWidth && earlier.time < epochs.simdgroup;
}

bool conflicts(const Moment& earlier, const Moment& now, const Epochs& epochs) {
  return earlier.valid && !(earlier.atomic && now.atomic) && !over(earlier, now, epochs);
}

// Two reads suffice to catch every later write: they are of different threads, and of different
// groups as soon as two groups have read.
void note_read(std::array<Moment, 2>& read, const Moment& now, const Epochs& epochs) {
  for (Moment& old : read) {
    if (!old.valid || over(old, now, epochs)) {
      // A plain read of this thread between the same barriers outweighs its atomic one.
      if (!(old.valid && now.atomic && !old.atomic && old.thread == now.thread &&
            old.time == now.time)) {
        old = now;
      }
      return;
    }
  }
  if (read[0].group == read[1].group && now.group != read[0].group) read[1] = now;
}

}  // namespace

CellPage::CellPage(uint32_t bytes) : cells_((bytes + 3) / 4) {}

void CellPage::split(uint32_t shift) {
  std::vector<Cell> finer;
  finer.reserve(cells_.size() << (shift_ - shift));
  for (const Cell& cell : cells_) finer.insert(finer.end(), size_t{1} << (shift_ - shift), cell);
  cells_ = std::move(finer);
  shift_ = shift;
}

std::optional<CellPage::Conflict> CellPage::access(uint32_t first, uint32_t count, bool write,
                                                   const Moment& now, const Epochs& epochs,
                                                   bool groups_share) {
  const uint32_t fit = std::min<uint32_t>(2, std::countr_zero(first | count));
  if (fit < shift_) split(fit);
  std::optional<Conflict> found;
  const uint32_t end = (first + count) >> shift_;
  for (uint32_t index = first >> shift_; index < end; ++index) {
    Cell& cell = cells_[index];
    if (!groups_share && cell.write.group != now.group) cell.write.valid = false;
    for (Moment& read : cell.read) {
      if (!groups_share && read.group != now.group) read.valid = false;
      if (write && !found && conflicts(read, now, epochs)) {
        found = Conflict{read, false, index << shift_};
      }
    }
    if (!found && conflicts(cell.write, now, epochs)) {
      found = Conflict{cell.write, true, index << shift_};
    }
    if (!write) {
      note_read(cell.read, now, epochs);
      continue;
    }
    // A plain write of this thread between the same barriers outweighs its atomic one, and what it
    // read plainly before an atomic write must still not be written by others.
    const bool outweighed = now.atomic && cell.write.valid && !cell.write.atomic &&
                            cell.write.thread == now.thread && cell.write.time == now.time &&
                            cell.write.group == now.group;
    if (!outweighed) cell.write = now;
    if (!now.atomic) cell.read = {};
  }
  return found;
}

}  // namespace softmetal
