#include "metal/forward_plan.h"

#include <algorithm>

#include "metal/step_args.h"

namespace gptoss::metal {

static_assert(kDecodeRows == GPTOSS_DECODE_TOKENS);

bool takes_decode(int count) { return count <= GPTOSS_DECODE_TOKENS; }

int attention_splits(int positions) {
  constexpr int kPositionsPerSplit = 512;
  constexpr int kMostSplits = 32;
  return std::clamp(positions / kPositionsPerSplit, 1, kMostSplits);
}

Plan forward_plan(const Pass& pass, int logit_rows) {
  Plan plan;
  const int count = pass.count;
  plan.add(Kernel::embed, EmbedArgs{u(count), u(pass.config.hidden)}, u(count),
           {pass.scratch.rows(Area::rows, 0, count), pass.scratch.rows(Area::residual, 0, count)});
  for (int layer = 0; layer < pass.config.layers; ++layer) {
    const int first = layer + 1 < pass.config.layers ? 0 : count - logit_rows;
    if (takes_decode(count)) {
      add_decode_layer(plan, pass, layer, first);
    } else {
      add_prefill_layer(plan, pass, layer, first);
    }
  }
  if (logit_rows > 0 && logit_rows <= kDecodeRows) {
    const auto& [weights, scales] = pass.weights.unembedding();
    const UnembedArgs args{u(logit_rows), u(pass.config.hidden), u(pass.config.vocab),
                           pass.config.norm_eps};
    plan.add(Kernel::unembed, args, u(logit_rows),
             {pass.scratch.rows(Area::residual, count - logit_rows, logit_rows),
              pass.weights.final_norm(), weights, scales,
              pass.scratch.rows(Area::logits, 0, logit_rows)});
  }
  return plan;
}

Plan logits_plan(const Pass& pass, int first, int rows) {
  Plan plan;
  const Slice normed = pass.scratch.rows(Area::normed, 0, rows);
  plan.add(Kernel::norm_rows, norm_args(pass, rows), u(rows),
           {pass.scratch.rows(Area::residual, first, rows), pass.weights.final_norm(), normed});
  const auto& [weights, scales] = pass.weights.unembedding();
  const MatmulArgs args{u(rows), u(pass.config.vocab), u(pass.config.hidden), 0, 0};
  plan.add(Kernel::matmul, args, u(rows),
           {normed, weights, scales, pass.weights.final_norm(),
            pass.scratch.rows(Area::logits, 0, rows)});
  return plan;
}

}  // namespace gptoss::metal
