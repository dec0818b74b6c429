#include "model/weights.h"

#include <unordered_map>

#include "model/error.h"
#include "model/json.h"

namespace gptoss {

namespace {

constexpr uint64_t kTensorAlignment = 128;
constexpr uint64_t kPageAlignment = 16384;
const char* const kRemedy = "convert the model again with this version of gptoss-metal";

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + "]";
}

// Finds tensors by name and checks dtype, shape and alignment before handing out a pointer.
class TensorTable {
 public:
  TensorTable(const MappedFile& file, const SafetensorsHeader& header) : file_(file) {
    for (const TensorInfo& tensor : header.tensors) {
      if (!by_name_.emplace(tensor.name, &tensor).second) {
        reject("tensor " + tensor.name + " is listed twice");
      }
    }
  }

  const TensorInfo& find(const std::string& name) const {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) reject("tensor " + name + " is missing");
    return *found->second;
  }

  const uint8_t* get(const std::string& name, const char* dtype, const std::vector<int64_t>& shape,
                     bool page = false) const {
    const TensorInfo& tensor = find(name);
    if (tensor.dtype != dtype || tensor.shape != shape) {
      reject("tensor " + name + " is " + tensor.dtype + " " + shape_text(tensor.shape) +
             " but must be " + dtype + " " + shape_text(shape));
    }
    if (tensor.offset % (page ? kPageAlignment : kTensorAlignment) != 0) {
      reject("tensor " + name + " is misaligned at byte " + std::to_string(tensor.offset));
    }
    return file_.data() + tensor.offset;
  }

  const float* f32(const std::string& name, const std::vector<int64_t>& shape,
                   bool page = false) const {
    return reinterpret_cast<const float*>(get(name, "F32", shape, page));
  }

  const uint16_t* bf16(const std::string& name, const std::vector<int64_t>& shape,
                       bool page = false) const {
    return reinterpret_cast<const uint16_t*>(get(name, "BF16", shape, page));
  }

  DenseMatrix dense(const std::string& name, DenseType type, int rows, int cols,
                    bool page = false) const {
    DenseMatrix matrix{rows, cols, nullptr, nullptr, nullptr, 0};
    const uint64_t count = static_cast<uint64_t>(rows) * static_cast<uint64_t>(cols);
    if (type == DenseType::bf16) {
      matrix.bf16 = bf16(name, {rows, cols}, page);
      matrix.bytes = count * 2;
    } else {
      matrix.q8 = reinterpret_cast<const int8_t*>(get(name + ".q8", "I8", {rows, cols}, page));
      matrix.scale =
          reinterpret_cast<const uint16_t*>(get(name + ".scale", "F16", {rows, cols / kGroup}));
      matrix.bytes = count + count / kGroup * 2;
    }
    return matrix;
  }

  ExpertMatrices experts(const std::string& name, int experts, int rows, int cols,
                         bool page) const {
    ExpertMatrices matrices{rows, cols, nullptr, nullptr, nullptr};
    matrices.blocks = get(name + ".blocks", "U8", {experts, rows, cols / kGroup, 16}, page);
    matrices.scales = get(name + ".scales", "U8", {experts, rows, cols / kGroup});
    matrices.bias = f32(name + ".bias", {experts, rows});
    return matrices;
  }

  [[noreturn]] void reject(const std::string& what) const {
    throw Error("model file", file_.path() + ": " + what, kRemedy);
  }

 private:
  const MappedFile& file_;
  std::unordered_map<std::string, const TensorInfo*> by_name_;
};

const std::string& metadata(const MappedFile& file, const SafetensorsHeader& header,
                            const std::string& key) {
  const auto found = header.metadata.find(key);
  if (found == header.metadata.end()) {
    throw Error("model file", file.path() + " is a .safetensors file but not a gptoss-metal model",
                "`gptoss-metal convert` on the checkpoint's directory");
  }
  return found->second;
}

Config read_config(const MappedFile& file, const SafetensorsHeader& header) {
  if (metadata(file, header, "format") != "gptoss-metal") {
    throw Error("model file", file.path() + " has another format",
                "`gptoss-metal convert` on the checkpoint's directory");
  }
  const std::string& version = metadata(file, header, "format_version");
  if (version != "1") {
    throw Error(
        "model file",
        file.path() + " has format version " + version + ", this version of gptoss-metal reads 1",
        "`pip install -U gptoss-metal`");
  }
  const std::string where = file.path() + ": config";
  return Config::from_json(Json::parse(metadata(file, header, "config"), where), file.path());
}

LayerWeights read_layer(const TensorTable& table, const Config& c, int index) {
  const std::string prefix = "layers." + std::to_string(index) + ".";
  LayerWeights layer{};
  layer.attn_norm = table.f32(prefix + "attn_norm", {c.hidden}, true);
  layer.qkv = table.dense(prefix + "qkv", c.dense, c.qkv_width(), c.hidden);
  layer.qkv_bias = table.f32(prefix + "qkv.bias", {c.qkv_width()});
  layer.sinks = table.f32(prefix + "sinks", {c.heads});
  layer.out = table.dense(prefix + "out", c.dense, c.hidden, c.q_width());
  layer.out_bias = table.f32(prefix + "out.bias", {c.hidden});
  layer.mlp_norm = table.f32(prefix + "mlp_norm", {c.hidden});
  layer.router = table.dense(prefix + "router", DenseType::bf16, c.experts, c.hidden);
  layer.router_bias = table.f32(prefix + "router.bias", {c.experts});
  layer.gate_up = table.experts(prefix + "gate_up", c.experts, 2 * c.intermediate, c.hidden, true);
  layer.down = table.experts(prefix + "down", c.experts, c.hidden, c.intermediate, false);
  return layer;
}

}  // namespace

Weights::Weights(const std::string& path)
    : file_(std::make_unique<MappedFile>(path)),
      header_(SafetensorsHeader::read(*file_)),
      config_(read_config(*file_, header_)) {
  const TensorTable table(*file_, header_);
  tokenizer_ = &table.find("tokenizer.o200k_base");
  if (tokenizer_->dtype != "U8" || tokenizer_->shape.size() != 1) {
    table.reject("tensor tokenizer.o200k_base must be U8 with one dimension");
  }
  embedding_ = table.bf16("embedding", {config_.vocab, config_.hidden}, true);
  for (int i = 0; i < config_.layers; ++i) layers_.push_back(read_layer(table, config_, i));
  final_norm_ = table.f32("final_norm", {config_.hidden});
  unembedding_ = table.dense("unembedding", config_.dense, config_.vocab, config_.hidden, true);
}

uint64_t Weights::bytes_per_token() const {
  const uint64_t hidden = static_cast<uint64_t>(config_.hidden);
  uint64_t bytes = hidden * 2 + hidden * 4 + unembedding_.bytes;  // embedding row, final norm
  for (const LayerWeights& layer : layers_) {
    const uint64_t floats = 3 * hidden + static_cast<uint64_t>(layer.qkv.rows) +
                            static_cast<uint64_t>(config_.heads + config_.experts);
    const uint64_t expert = layer.gate_up.bytes_per_expert() + layer.down.bytes_per_expert();
    bytes += floats * 4 + layer.qkv.bytes + layer.out.bytes + layer.router.bytes +
             static_cast<uint64_t>(config_.top_k) * expert;
  }
  return bytes;
}

}  // namespace gptoss
