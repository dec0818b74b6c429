#include "cpu/batch.h"

#include "cpu/sequence.h"

namespace gptoss::cpu {

Batch::Batch(int vocab, std::span<const BatchItem> items) {
  for (const BatchItem& item : items) {
    const int tokens = static_cast<int>(item.tokens.size());
    KvCache& cache = static_cast<CpuSequence&>(item.sequence).cache();
    cache.extend(item.start, item.start + tokens);
    const int number = static_cast<int>(items_.size());
    items_.push_back({cache, item.tokens, item.start, count()});
    for (int t = 0; t < tokens; ++t) {
      rows_.push_back({number, item.start + t, item.tokens[static_cast<size_t>(t)]});
    }
    for (int i = 0; i < item.logit_rows; ++i) {
      wanted_.push_back({count() - item.logit_rows + i, item.logits + int64_t{i} * vocab});
    }
  }
}

}  // namespace gptoss::cpu
