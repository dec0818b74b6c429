#include "model/config.h"

#include <algorithm>

#include "model/error.h"
#include "model/json.h"

namespace gptoss {

namespace {

// Reads named members of one JSON object, each with its limits.
class Fields {
 public:
  Fields(const Json& json, const std::string& path) : json_(json), path_(path) {}

  int integer(const char* key, int low, int high, int multiple = 1) const {
    const uint64_t value = member(key).unsigned_integer(name(key));
    if (value < static_cast<uint64_t>(low) || value > static_cast<uint64_t>(high) ||
        value % static_cast<uint64_t>(multiple) != 0) {
      std::string limits = std::to_string(low) + " .. " + std::to_string(high);
      if (multiple > 1) limits += " and a multiple of " + std::to_string(multiple);
      reject(key, std::to_string(value), limits);
    }
    return static_cast<int>(value);
  }

  double real(const char* key, double low, double high) const {
    const double value = member(key).number(name(key));
    if (!(value >= low && value <= high)) {
      reject(key, std::to_string(value), std::to_string(low) + " .. " + std::to_string(high));
    }
    return value;
  }

  const Json& member(const char* key) const { return json_.at(key, path_ + ": config"); }
  std::string name(const char* key) const { return path_ + ": config." + key; }

  [[noreturn]] void reject(const char* key, const std::string& value,
                           const std::string& limits) const {
    throw Error("model file", name(key) + " is " + value + " but must be " + limits,
                "a gpt-oss checkpoint, converted again");
  }

 private:
  const Json& json_;
  const std::string& path_;
};

std::vector<bool> read_layer_types(const Fields& fields, int layers) {
  const std::string name = fields.name("layer_types");
  const auto& types = fields.member("layer_types").array(name);
  if (types.size() != static_cast<size_t>(layers)) {
    fields.reject("layer_types", std::to_string(types.size()) + " long",
                  "as long as num_hidden_layers");
  }
  std::vector<bool> windowed;
  for (const Json& type : types) {
    const std::string& text = type.string(name);
    if (text != "sliding_attention" && text != "full_attention") {
      fields.reject("layer_types", "'" + text + "'", "sliding_attention or full_attention");
    }
    windowed.push_back(text == "sliding_attention");
  }
  return windowed;
}

}  // namespace

Config Config::from_json(const Json& json, const std::string& path) {
  constexpr int kMaxWidth = 65536;
  constexpr int kMaxCount = 1 << 28;
  const Fields fields(json, path);
  Config c{};
  c.layers = fields.integer("num_hidden_layers", 1, 4096);
  c.experts = fields.integer("num_local_experts", 1, kMaxExperts);
  c.top_k = fields.integer("num_experts_per_tok", 1, std::min(kMaxTopK, c.experts));
  c.hidden = fields.integer("hidden_size", 64, kMaxWidth, 64);
  c.intermediate = fields.integer("intermediate_size", 64, kMaxWidth, 64);
  c.vocab = fields.integer("vocab_size", 1, kMaxCount);
  c.kv_heads = fields.integer("num_key_value_heads", 1, 1024);
  c.heads = fields.integer("num_attention_heads", 1, 1024, c.kv_heads);
  fields.integer("head_dim", kHeadDim, kHeadDim);
  c.window = fields.integer("sliding_window", 1, kMaxCount);
  c.windowed = read_layer_types(fields, c.layers);
  c.context = fields.integer("max_position_embeddings", 1, kMaxCount);
  c.rope_theta = fields.real("rope_theta", 1.0, 1e12);
  c.rope_factor = fields.real("rope_factor", 1.0, 1e6);
  c.rope_original_context = fields.real("rope_original_context", 1, kMaxCount);
  c.rope_beta_fast = fields.real("rope_beta_fast", 1e-6, 1e6);
  c.rope_beta_slow = fields.real("rope_beta_slow", 1e-6, 1e6);
  c.rope_truncate = fields.member("rope_truncate").boolean(fields.name("rope_truncate"));
  c.norm_eps = static_cast<float>(fields.real("rms_norm_eps", 0.0, 1.0));
  c.swiglu_limit = static_cast<float>(fields.real("swiglu_limit", 0.0, 1e6));
  const std::string& dense = fields.member("dense").string(fields.name("dense"));
  if (dense != "q8" && dense != "bf16") fields.reject("dense", "'" + dense + "'", "q8 or bf16");
  c.dense = dense == "q8" ? DenseType::q8 : DenseType::bf16;
  return c;
}

}  // namespace gptoss
