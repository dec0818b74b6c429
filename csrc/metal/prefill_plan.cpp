// One layer with the prefill kernels.
#include <algorithm>

#include "metal/forward_plan.h"
#include "metal/step_args.h"

namespace gptoss::metal {

namespace {

// Normed rows times qkv, then rotation: queries stay in scratch, keys and values go to the cache.
void add_qkv(Plan& plan, const Pass& pass, int layer) {
  const LayerSlices& w = pass.weights.layer(layer);
  const Scratch& scratch = pass.scratch;
  const Config& config = pass.config;
  const int count = pass.count;
  const Slice normed = scratch.rows(Area::normed, 0, count);
  const Slice qkv = scratch.rows(Area::qkv, 0, count);
  plan.add(Kernel::norm_rows, norm_args(pass, count), u(count),
           {scratch.rows(Area::residual, 0, count), w.attn_norm, normed});
  const MatmulArgs matmul{u(count), u(config.qkv_width()), u(config.hidden), 1, 0};
  plan.add(Kernel::matmul, matmul, u(count),
           {normed, w.qkv.weights, w.qkv.scales, w.qkv_bias, qkv});
  const RopeArgs rope{u(count), u(config.heads), u(config.kv_heads), u(pass.start),
                      pass.cache.ring(layer)};
  plan.add(Kernel::rope, rope, u(count),
           {qkv, scratch.rows(Area::angles, 0, count), pass.cache.page_table(layer),
            scratch.rows(Area::query, 0, count)},
           layer);
}

void add_attention_part(Plan& plan, const Pass& pass, int layer, int first, int rows) {
  plan.add(Kernel::attention_prefill, attention_args(pass, layer, first, rows, 1), u(rows),
           {pass.scratch.rows(Area::query, first, rows), pass.weights.layer(layer).sinks,
            pass.cache.page_table(layer), pass.scratch.rows(Area::attended, first, rows)},
           layer);
}

// In parts of whole query tiles, each short enough for a command buffer of its own.
void add_attention(Plan& plan, const Pass& pass, int layer, int first) {
  const int rows = pass.count - first;
  Plan whole;
  add_attention_part(whole, pass, layer, first, rows);
  const int part = rows_per_part(whole.steps().front(), rows, GPTOSS_QUERY_TILE);
  for (int row = first; row < pass.count; row += part) {
    add_attention_part(plan, pass, layer, row, std::min(part, pass.count - row));
  }
}

void add_experts(Plan& plan, const Pass& pass, int layer, int first) {
  const LayerSlices& w = pass.weights.layer(layer);
  const Scratch& scratch = pass.scratch;
  const Config& config = pass.config;
  const int rows = pass.count - first;
  const uint32_t tiles = Scratch::tiles(config, rows);
  const Slice residual = scratch.rows(Area::residual, first, rows);
  const Slice normed = scratch.rows(Area::normed, first, rows);
  const Slice chosen = scratch.rows(Area::chosen, first, rows);
  const Slice weights = scratch.rows(Area::weights, first, rows);
  const Slice order = scratch.rows(Area::order, 0, rows);
  const Slice tile_list = scratch.rows(Area::tiles, 0, static_cast<int>(tiles));
  const Slice gated = scratch.rows(Area::gated, 0, rows);
  const Slice outputs = scratch.rows(Area::outputs, 0, rows);
  plan.add(Kernel::router, router_args(pass), u(rows),
           {residual, w.mlp_norm, w.router, w.router_bias, normed, chosen, weights});
  plan.add(Kernel::expert_sort, SortArgs{u(rows * config.top_k), u(config.experts), tiles}, u(rows),
           {chosen, order, tile_list});
  plan.add(Kernel::grouped_gate_up, gate_up_args(pass), tiles,
           {normed, order, tile_list, w.gate_up.blocks, w.gate_up.scales, w.gate_up.bias, gated});
  plan.add(Kernel::grouped_down, down_args(pass), tiles,
           {gated, order, tile_list, w.down.blocks, w.down.scales, w.down.bias, outputs});
  plan.add(Kernel::mix, MixArgs{u(rows), u(config.hidden), u(config.top_k)}, u(rows),
           {outputs, weights, residual});
}

}  // namespace

void add_prefill_layer(Plan& plan, const Pass& pass, int layer, int first) {
  add_qkv(plan, pass, layer);
  const int rows = pass.count - first;
  if (rows == 0) return;
  if (takes_decode(rows)) {
    add_decode_rest(plan, pass, layer, first, rows);
    return;
  }
  add_attention(plan, pass, layer, first);
  const LayerSlices& w = pass.weights.layer(layer);
  plan.add(Kernel::matmul, out_args(pass, rows), u(rows),
           {pass.scratch.rows(Area::attended, first, rows), w.out.weights, w.out.scales, w.out_bias,
            pass.scratch.rows(Area::residual, first, rows)});
  add_experts(plan, pass, layer, first);
}

}  // namespace gptoss::metal
