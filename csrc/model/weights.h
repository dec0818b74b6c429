// The weights of a model file as named views into the mapping. Nothing is copied.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/mapped_file.h"
#include "model/safetensors.h"

namespace gptoss {

// A dense weight matrix [rows, cols], stored as bf16, or as int8 with one f16 scale per kGroup
// values of a row: weight = q8 * scale.
struct DenseMatrix {
  int rows;
  int cols;
  const uint16_t* bf16;   // [rows, cols], or nullptr
  const int8_t* q8;       // [rows, cols], or nullptr
  const uint16_t* scale;  // f16 [rows, cols / kGroup], with q8
  uint64_t bytes;
};

// The MXFP4 matrices of all experts of a layer, [experts, rows, cols]: E2M1 blocks of kGroup
// values, low nibble first, each with one E8M0 scale.
struct ExpertMatrices {
  int rows;
  int cols;
  const uint8_t* blocks;  // [experts, rows, cols / kGroup, 16]
  const uint8_t* scales;  // [experts, rows, cols / kGroup]
  const float* bias;      // [experts, rows]

  uint64_t bytes_per_expert() const {
    return static_cast<uint64_t>(rows) * (static_cast<uint64_t>(cols) / kGroup * 17 + 4);
  }
};

struct LayerWeights {
  const float* attn_norm;    // [hidden]
  DenseMatrix qkv;           // [q_width + 2 * kv_width, hidden]: q heads, k heads, v heads
  const float* qkv_bias;     // [rows of qkv]
  const float* sinks;        // [heads]
  DenseMatrix out;           // [hidden, q_width]
  const float* out_bias;     // [hidden]
  const float* mlp_norm;     // [hidden]
  DenseMatrix router;        // bf16 [experts, hidden]
  const float* router_bias;  // [experts]
  ExpertMatrices gate_up;    // rows 2 * intermediate: even = gate, odd = up
  ExpertMatrices down;       // rows hidden, cols intermediate
};

class Weights {
 public:
  // Maps and validates `path`; throws Error when anything in it is not as docs/MODEL_FILE.md says.
  explicit Weights(const std::string& path);

  const MappedFile& file() const { return *file_; }
  const SafetensorsHeader& header() const { return header_; }
  const Config& config() const { return config_; }
  const LayerWeights& layer(int i) const { return layers_[static_cast<size_t>(i)]; }
  const uint16_t* embedding() const { return embedding_; }         // bf16 [vocab, hidden]
  const float* final_norm() const { return final_norm_; }          // [hidden]
  const DenseMatrix& unembedding() const { return unembedding_; }  // [vocab, hidden]
  const TensorInfo& tokenizer() const { return *tokenizer_; }      // bytes of o200k_base.tiktoken

  // Weight bytes that decoding one token reads (norms and biases included, KV cache not).
  uint64_t bytes_per_token() const;

 private:
  std::unique_ptr<MappedFile> file_;
  SafetensorsHeader header_;
  Config config_{};
  std::vector<LayerWeights> layers_;
  const uint16_t* embedding_ = nullptr;
  const float* final_norm_ = nullptr;
  DenseMatrix unembedding_{};
  const TensorInfo* tokenizer_ = nullptr;
};

}  // namespace gptoss
