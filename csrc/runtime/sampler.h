// Choosing the next token from logits.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace gptoss {

struct SamplerOptions {
  float temperature = 1.0f;  // 0 = greedy: the largest logit, the lowest id on ties
  int top_k = 0;             // keep the k most likely, 0 = all
  float top_p = 1.0f;        // keep the smallest set with at least this probability
  float min_p = 0.0f;        // keep what has at least this share of the most likely one
  uint64_t seed = 0;
  float presence_penalty = 0.0f;    // subtracted once from tokens accepted before
  float frequency_penalty = 0.0f;   // subtracted per earlier acceptance
  float repetition_penalty = 1.0f;  // divides positive, multiplies negative logits of such tokens
  std::unordered_map<int32_t, float> logit_bias;  // added before all else
};

// The same seed and the same logits give the same tokens: the n-th draw is a function of (seed, n).
class Sampler {
 public:
  // Throws Error when an option is out of range.
  Sampler(int vocab, SamplerOptions options);

  // logits float32 [vocab]; `mask` has one bit per token, 32 to a word, 1 = allowed (empty = all).
  // Order: mask, bias, penalties, top-k, min-p, top-p (over what is left), draw.
  // Throws Error when the mask allows nothing or a logit is NaN.
  int32_t sample(std::span<const float> logits, std::span<const uint32_t> mask);
  // Counts `token` for the penalties.
  void accept(int32_t token);

 private:
  struct Candidate {
    int32_t token;
    float logit;
    float weight;  // exp((logit - largest logit) / temperature)
  };

  // Whether no bias or penalty applies.
  bool takes_logits_as_they_are() const;
  void adjust(std::span<const float> logits, std::span<const uint32_t> mask);
  void keep_top_k();
  void weigh();
  double total_weight() const;
  void keep_top_p();
  double draw();

  int vocab_;
  SamplerOptions options_;
  std::unordered_map<int32_t, int> accepted_;
  uint64_t draws_ = 0;
  std::vector<Candidate> candidates_;
};

struct TokenLogprob {
  int32_t token;
  float logprob;
};

// Natural log of the softmax of the raw logits: of `token`, and of the `top` most likely ones in
// descending order.
std::pair<float, std::vector<TokenLogprob>> logprobs(std::span<const float> logits, int32_t token,
                                                     int top);

}  // namespace gptoss
