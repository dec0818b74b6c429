#include "runtime/sampler.h"

#include <algorithm>
#include <cmath>

#include "model/error.h"

namespace gptoss {

namespace {

void require(bool ok, const char* what, const char* remedy) {
  if (!ok) throw Error("sampling", what, remedy);
}

// SplitMix64's output function (Steele, Lea, Flood 2014): mixes a counter into random bits.
uint64_t mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace

Sampler::Sampler(int vocab, SamplerOptions options) : vocab_(vocab), options_(std::move(options)) {
  const SamplerOptions& o = options_;
  require(o.temperature >= 0 && std::isfinite(o.temperature), "temperature is negative",
          "0 (greedy) or more");
  require(o.top_k >= 0, "top_k is negative", "0 (off) or more");
  require(o.top_p > 0 && o.top_p <= 1, "top_p is outside (0, 1]", "1 to switch it off");
  require(o.min_p >= 0 && o.min_p <= 1, "min_p is outside [0, 1]", "0 to switch it off");
  require(std::isfinite(o.presence_penalty), "presence_penalty is not finite", "-2 .. 2");
  require(std::isfinite(o.frequency_penalty), "frequency_penalty is not finite", "-2 .. 2");
  require(o.repetition_penalty > 0 && std::isfinite(o.repetition_penalty),
          "repetition_penalty is not positive", "1 to switch it off");
  for (const auto& [token, bias] : o.logit_bias) {
    require(token >= 0 && token < vocab, "logit_bias names a token outside the vocabulary",
            "ids of this model's vocabulary");
    require(!std::isnan(bias), "logit_bias holds a NaN", "-100 .. 100");
  }
}

void Sampler::accept(int32_t token) { ++accepted_[token]; }

int32_t Sampler::sample(std::span<const float> logits, std::span<const uint32_t> mask) {
  require(logits.size() == static_cast<size_t>(vocab_), "the logits have another length",
          "logits of this model");
  require(mask.empty() || mask.size() >= (logits.size() + 31) / 32, "the mask is too short",
          "one bit per token");
  adjust(logits, mask);
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  };
  if (options_.temperature == 0) {
    return std::min_element(candidates_.begin(), candidates_.end(), better)->token;
  }
  keep_top_k();
  weigh();
  if (options_.min_p > 0) {
    std::erase_if(candidates_, [&](const Candidate& c) { return c.weight < options_.min_p; });
  }
  if (options_.top_p < 1) keep_top_p();
  double rest = draw() * total_weight();
  const Candidate* chosen = nullptr;
  for (const Candidate& c : candidates_) {
    if (c.weight == 0) continue;
    chosen = &c;
    rest -= c.weight;
    if (rest < 0) break;
  }
  return chosen->token;
}

void Sampler::adjust(std::span<const float> logits, std::span<const uint32_t> mask) {
  candidates_.clear();
  candidates_.reserve(logits.size());
  for (int32_t i = 0; i < vocab_; ++i) {
    const size_t at = static_cast<size_t>(i);
    if (!mask.empty() && ((mask[at / 32] >> (at % 32)) & 1) == 0) continue;
    candidates_.push_back({i, logits[at], 0});
    require(!std::isnan(logits[at]), "the logits hold a NaN",
            "`gptoss-metal verify` on the model file");
  }
  require(!candidates_.empty(), "the mask allows no token", "a mask with at least one bit set");
  const auto find = [&](int32_t token) {
    const auto at = std::lower_bound(candidates_.begin(), candidates_.end(), token,
                                     [](const Candidate& c, int32_t t) { return c.token < t; });
    return at != candidates_.end() && at->token == token ? &*at : nullptr;
  };
  for (const auto& [token, bias] : options_.logit_bias) {
    if (Candidate* c = find(token)) c->logit += bias;
  }
  for (const auto& [token, count] : accepted_) {
    Candidate* c = find(token);
    if (c == nullptr) continue;
    c->logit = c->logit > 0 ? c->logit / options_.repetition_penalty
                            : c->logit * options_.repetition_penalty;
    c->logit -= options_.presence_penalty + options_.frequency_penalty * static_cast<float>(count);
  }
}

void Sampler::keep_top_k() {
  const size_t k = static_cast<size_t>(options_.top_k);
  if (k == 0 || k >= candidates_.size()) return;
  const auto end = candidates_.begin() + options_.top_k;
  std::nth_element(candidates_.begin(), end - 1, candidates_.end(),
                   [](const Candidate& a, const Candidate& b) {
                     return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
                   });
  candidates_.resize(k);
}

void Sampler::weigh() {
  float largest = -INFINITY;
  for (const Candidate& c : candidates_) largest = std::max(largest, c.logit);
  for (Candidate& c : candidates_) c.weight = std::exp((c.logit - largest) / options_.temperature);
}

double Sampler::total_weight() const {
  double total = 0;
  for (const Candidate& c : candidates_) total += c.weight;
  return total;
}

void Sampler::keep_top_p() {
  const double wanted = options_.top_p * total_weight();
  // The nucleus is nearly always a handful of the 201088 tokens: look among the likely ones first.
  constexpr float kLikely = 1e-3f;  // of the most likely one
  const auto unlikely = std::partition(candidates_.begin(), candidates_.end(),
                                       [](const Candidate& c) { return c.weight >= kLikely; });
  double likely_weight = 0;
  for (auto c = candidates_.begin(); c != unlikely; ++c) likely_weight += c->weight;
  const auto search_end = likely_weight >= wanted ? unlikely : candidates_.end();
  const auto worse = [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight < b.weight : a.token > b.token;
  };
  // A heap hands out the likeliest one by one, to the end of its range.
  std::make_heap(candidates_.begin(), search_end, worse);
  auto next = search_end;
  double weight = 0;
  while (next != candidates_.begin() && weight < wanted) {
    std::pop_heap(candidates_.begin(), next, worse);
    --next;
    weight += next->weight;
  }
  candidates_.erase(search_end, candidates_.end());
  candidates_.erase(candidates_.begin(), next);
}

double Sampler::draw() {
  const uint64_t bits = mix(mix(options_.seed) ^ draws_++);
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

std::pair<float, std::vector<TokenLogprob>> logprobs(std::span<const float> logits, int32_t token,
                                                     int top) {
  require(token >= 0 && static_cast<size_t>(token) < logits.size(),
          "the token is outside the vocabulary", "an id of this model's vocabulary");
  require(top >= 0, "top is negative", "0 .. 20");
  float largest = -INFINITY;
  for (const float x : logits) largest = std::max(largest, x);
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x - largest));
  const double normaliser = largest + std::log(sum);
  const auto logprob = [&](size_t i) { return static_cast<float>(logits[i] - normaliser); };
  std::vector<int32_t> order(logits.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int32_t>(i);
  const size_t count = std::min(static_cast<size_t>(top), order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](int32_t a, int32_t b) {
                      const float x = logits[static_cast<size_t>(a)];
                      const float y = logits[static_cast<size_t>(b)];
                      return x != y ? x > y : a < b;
                    });
  std::vector<TokenLogprob> best;
  for (size_t i = 0; i < count; ++i) {
    best.push_back({order[i], logprob(static_cast<size_t>(order[i]))});
  }
  return {logprob(static_cast<size_t>(token)), best};
}

}  // namespace gptoss
