#include "runtime/sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "model/error.h"

namespace gptoss {

namespace {

void require(bool ok, const char* what, const char* remedy) {
  if (!ok) throw Error("sampling", what, remedy);
}

constexpr const char* kNothingAllowed = "the mask allows no token";
constexpr const char* kAllowOne = "a mask with at least one bit set";

// SplitMix64's output function (Steele, Lea, Flood 2014): mixes a counter into random bits.
uint64_t mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

// Calls visit(begin, end) for each run of tokens that the mask allows, in ascending order.
template <typename Visit>
void for_allowed(std::span<const uint32_t> mask, size_t vocab, Visit visit) {
  if (mask.empty()) return visit(size_t{0}, vocab);
  // The first token from `at` on whose bit, flipped by `flip`, is set.
  const auto next = [&](size_t at, uint32_t flip) {
    for (; at < vocab; at = at / 32 * 32 + 32) {
      const uint32_t word = (mask[at / 32] ^ flip) >> (at % 32);
      if (word != 0) return std::min(vocab, at + static_cast<size_t>(std::countr_zero(word)));
    }
    return vocab;
  };
  for (size_t end = 0;;) {
    const size_t begin = next(end, 0);
    if (begin == vocab) return;
    end = next(begin, ~uint32_t{0});
    visit(begin, end);
  }
}

// A float's bits, so that integers compare as floats do, which compilers vectorise also where a
// NaN may be: NaNs lie beyond the infinities. -0 comes before 0. Its own inverse.
constexpr int32_t ordered(int32_t bits) { return bits ^ ((bits >> 31) & 0x7FFFFFFF); }
int32_t ordered(float x) { return ordered(std::bit_cast<int32_t>(x)); }

// The largest of a run of logits. Throws Error if one is NaN.
float largest_of(std::span<const float> logits) {
  int32_t low = std::numeric_limits<int32_t>::max(), high = std::numeric_limits<int32_t>::min();
  for (const float x : logits) {
    low = std::min(low, ordered(x));
    high = std::max(high, ordered(x));
  }
  require(low >= ordered(-INFINITY) && high <= ordered(INFINITY), "the logits hold a NaN",
          "`gptoss-metal verify` on the model file");
  return std::bit_cast<float>(ordered(high));
}

// The allowed token with the largest logit, the lowest id on ties; -1 if none is allowed.
int32_t likeliest(std::span<const float> logits, std::span<const uint32_t> mask) {
  constexpr size_t kBlock = 2048;  // stays in the first cache for the search at the end
  std::span<const float> best;     // a block that holds the largest so far, behind no other
  float largest = 0;
  for_allowed(mask, logits.size(), [&](size_t begin, size_t end) {
    for (; begin < end; begin += kBlock) {
      const auto block = logits.subspan(begin, std::min(kBlock, end - begin));
      const float found = largest_of(block);
      if (!best.empty() && found <= largest) continue;
      best = block;
      largest = found;
    }
  });
  if (best.empty()) return -1;
  const auto at = std::find(best.begin(), best.end(), largest);
  return static_cast<int32_t>(&*at - logits.data());
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
  if (options_.temperature == 0 && takes_logits_as_they_are()) {
    const int32_t token = likeliest(logits, mask);
    require(token >= 0, kNothingAllowed, kAllowOne);
    return token;
  }
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

bool Sampler::takes_logits_as_they_are() const {
  const SamplerOptions& o = options_;
  const bool penalises =
      o.presence_penalty != 0 || o.frequency_penalty != 0 || o.repetition_penalty != 1;
  return o.logit_bias.empty() && !(penalises && !accepted_.empty());
}

void Sampler::adjust(std::span<const float> logits, std::span<const uint32_t> mask) {
  candidates_.clear();
  candidates_.reserve(logits.size());
  for_allowed(mask, logits.size(), [&](size_t begin, size_t end) {
    largest_of(logits.subspan(begin, end - begin));  // holds no NaN
    const size_t known = candidates_.size();
    candidates_.resize(known + end - begin);
    Candidate* next = candidates_.data() + known;
    for (size_t i = begin; i < end; ++i) *next++ = {static_cast<int32_t>(i), logits[i], 0};
  });
  require(!candidates_.empty(), kNothingAllowed, kAllowOne);
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
  if (!std::isfinite(largest)) {  // a bias may be infinite; differences would be NaN
    for (Candidate& c : candidates_) c.weight = c.logit == largest ? 1.0f : 0.0f;
    return;
  }
  for (Candidate& c : candidates_) c.weight = std::exp((c.logit - largest) / options_.temperature);
}

double Sampler::total_weight() const {
  double total = 0;
  for (const Candidate& c : candidates_) total += c.weight;
  return total;
}

void Sampler::keep_top_p() {
  const double wanted = options_.top_p * total_weight();
  // Only what can be in the nucleus is sorted: a histogram by the weights' leading bits, eight bins
  // an octave, tells from which weight on.
  constexpr int kShift = 20;
  std::array<double, (std::bit_cast<uint32_t>(1.0f) >> kShift) + 1> bins{};
  const auto bin = [](const Candidate& c) { return std::bit_cast<uint32_t>(c.weight) >> kShift; };
  for (const Candidate& c : candidates_) bins[bin(c)] += c.weight;
  constexpr double kRounding = 1e-9;  // the bins are added up in another order than the nucleus
  size_t least = bins.size();
  for (double above = 0; least > 0 && above < wanted * (1 + kRounding);) above += bins[--least];
  const auto end = std::partition(candidates_.begin(), candidates_.end(),
                                  [&](const Candidate& c) { return bin(c) >= least; });
  std::sort(candidates_.begin(), end, [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight < b.weight : a.token > b.token;
  });
  auto first = end;
  for (double weight = 0; first != candidates_.begin() && weight < wanted;) {
    weight += (--first)->weight;
  }
  candidates_.erase(end, candidates_.end());
  candidates_.erase(candidates_.begin(), first);
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
