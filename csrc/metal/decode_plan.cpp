// One layer with the decode kernels: at most seven dispatches.
#include "metal/forward_plan.h"
#include "metal/step_args.h"

namespace gptoss::metal {

namespace {

void add_attention(Plan& plan, const Pass& pass, int layer, int first, int rows) {
  const bool windowed = pass.config.windowed[static_cast<size_t>(layer)];
  const int positions = pass.start + pass.count;
  const int seen = windowed ? std::min(pass.config.window, positions) : positions;
  const int splits = attention_splits(seen);
  const AttentionArgs args = attention_args(pass, layer, first, rows, splits);
  const Slice attended = pass.scratch.rows(Area::attended, first, rows);
  // Without splits there are no partials; any buffer may stand for them.
  const Slice partials = splits > 1 ? pass.scratch.rows(Area::partials, 0, rows) : attended;
  plan.add(Kernel::attention_decode, args, u(rows),
           {pass.scratch.rows(Area::query, first, rows), pass.weights.layer(layer).sinks,
            pass.cache.page_table(layer), attended, partials},
           layer);
  if (splits > 1) plan.add(Kernel::attention_merge, args, u(rows), {partials, attended});
}

}  // namespace

void add_decode_layer(Plan& plan, const Pass& pass, int layer, int first) {
  const LayerSlices& w = pass.weights.layer(layer);
  const Scratch& scratch = pass.scratch;
  const Config& config = pass.config;
  const QkvArgs args{u(config.hidden), u(config.heads),        u(config.kv_heads),
                     u(pass.start),    pass.cache.ring(layer), config.norm_eps};
  plan.add(Kernel::qkv, args, u(pass.count),
           {scratch.rows(Area::residual, 0, pass.count), w.attn_norm, w.qkv.weights, w.qkv.scales,
            w.qkv_bias, scratch.rows(Area::angles, 0, pass.count), pass.cache.page_table(layer),
            scratch.rows(Area::query, 0, pass.count)},
           layer);
  if (first < pass.count) add_decode_rest(plan, pass, layer, first, pass.count - first);
}

void add_decode_rest(Plan& plan, const Pass& pass, int layer, int first, int rows) {
  const LayerSlices& w = pass.weights.layer(layer);
  const Scratch& scratch = pass.scratch;
  const Slice residual = scratch.rows(Area::residual, first, rows);
  const Slice normed = scratch.rows(Area::normed, first, rows);
  const Slice chosen = scratch.rows(Area::chosen, first, rows);
  const Slice weights = scratch.rows(Area::weights, first, rows);
  const Slice gated = scratch.rows(Area::gated, first, rows);
  add_attention(plan, pass, layer, first, rows);
  plan.add(Kernel::out, out_args(pass, rows), u(rows),
           {scratch.rows(Area::attended, first, rows), w.out.weights, w.out.scales, w.out_bias,
            residual});
  plan.add(Kernel::router, router_args(pass), u(rows),
           {residual, w.mlp_norm, w.router, w.router_bias, normed, chosen, weights});
  plan.add(Kernel::gate_up, gate_up_args(pass), u(rows),
           {normed, chosen, w.gate_up.blocks, w.gate_up.scales, w.gate_up.bias, gated});
  plan.add(Kernel::down, down_args(pass), u(rows),
           {gated, chosen, weights, w.down.blocks, w.down.scales, w.down.bias, residual});
}

}  // namespace gptoss::metal
