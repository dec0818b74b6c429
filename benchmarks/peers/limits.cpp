// What this processor can compute at most: float32 multiply-adds and int8 dot products, per second.
//
//   limits THREADS    prints {"isa": …, "float32_gflops": …, "int8_gops": …}
//
// Each thread runs independent chains on registers alone; the best of several short runs counts. A
// multiply-add is two operations.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace {

constexpr int kChains = 12;  // more than latency times units of any processor at hand
constexpr int kTrials = 5;
constexpr double kSeconds = 0.1;
using Clock = std::chrono::steady_clock;

// Keeps a value in a register and its operation inside the loop.
#define KEEP(x) asm volatile("" : REGISTER(x))

#if defined(__AVX512F__)
#define REGISTER(x) "+v"(x)
using Floats = __m512;
Floats ones() { return _mm512_set1_ps(1.0f); }
Floats multiply_add(Floats sum, Floats a, Floats b) { return _mm512_fmadd_ps(a, b, sum); }
const char* kIsa = "avx512";
#elif defined(__AVX2__) && defined(__FMA__)
#define REGISTER(x) "+x"(x)
using Floats = __m256;
Floats ones() { return _mm256_set1_ps(1.0f); }
Floats multiply_add(Floats sum, Floats a, Floats b) { return _mm256_fmadd_ps(a, b, sum); }
const char* kIsa = "avx2";
#elif defined(__ARM_NEON)
#define REGISTER(x) "+w"(x)
using Floats = float32x4_t;
Floats ones() { return vdupq_n_f32(1.0f); }
Floats multiply_add(Floats sum, Floats a, Floats b) { return vfmaq_f32(sum, a, b); }
const char* kIsa = "neon";
#else
#error "limits.cpp knows AVX-512, AVX2 with FMA, and NEON"
#endif

#if defined(__AVX512VNNI__) && defined(__AVX512F__)
using Ints = __m512i;
Ints bytes() { return _mm512_set1_epi8(1); }
Ints dot(Ints sum, Ints a, Ints b) { return _mm512_dpbusd_epi32(sum, a, b); }
const char* kInts = "vpdpbusd 512";
#elif defined(__AVXVNNI__)
using Ints = __m256i;
Ints bytes() { return _mm256_set1_epi8(1); }
Ints dot(Ints sum, Ints a, Ints b) { return _mm256_dpbusd_avx_epi32(sum, a, b); }
const char* kInts = "vpdpbusd 256";
#elif defined(__AVX2__)
using Ints = __m256i;
Ints bytes() { return _mm256_set1_epi8(1); }
Ints dot(Ints sum, Ints a, Ints b) {
  const Ints pairs = _mm256_maddubs_epi16(a, b);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
const char* kInts = "vpmaddubsw 256";
#elif defined(__ARM_FEATURE_DOTPROD)
using Ints = int32x4_t;
Ints bytes() { return vreinterpretq_s32_s8(vdupq_n_s8(1)); }
Ints dot(Ints sum, Ints a, Ints b) {
  return vdotq_s32(sum, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b));
}
const char* kInts = "sdot";
#else
using Ints = int32x4_t;
Ints bytes() { return vreinterpretq_s32_s8(vdupq_n_s8(1)); }
Ints dot(Ints sum, Ints a, Ints b) {
  const int8x16_t x = vreinterpretq_s8_s32(a), y = vreinterpretq_s8_s32(b);
  const int16x8_t low = vmull_s8(vget_low_s8(x), vget_low_s8(y));
  return vpadalq_s16(sum, vmlal_s8(low, vget_high_s8(x), vget_high_s8(y)));
}
const char* kInts = "smull";
#endif

// Twelve chains with names of their own: of an array, compilers make memory.
template <typename Vector, Vector (*kStep)(Vector, Vector, Vector)>
void run(int rounds, Vector a) {
  Vector c0 = a, c1 = a, c2 = a, c3 = a, c4 = a, c5 = a;
  Vector c6 = a, c7 = a, c8 = a, c9 = a, c10 = a, c11 = a;
  auto step = [&a](Vector& sum) {
    KEEP(a);
    sum = kStep(sum, a, a);
    KEEP(sum);
  };
  for (int round = 0; round < rounds; ++round) {
    step(c0), step(c1), step(c2), step(c3), step(c4), step(c5);
    step(c6), step(c7), step(c8), step(c9), step(c10), step(c11);
  }
}

double float_operations(int rounds) {
  run<Floats, multiply_add>(rounds, ones());
  return 2.0 * rounds * kChains * (sizeof(Floats) / sizeof(float));
}

double int_operations(int rounds) {
  run<Ints, dot>(rounds, bytes());
  return 2.0 * rounds * kChains * sizeof(Ints);
}

// Operations per second of one thread, once all have started.
double rate(double (*work)(int), std::atomic<int>& waiting) {
  --waiting;
  while (waiting.load() > 0) std::this_thread::yield();
  double operations = 0;
  const auto begun = Clock::now();
  double seconds = 0;
  while (seconds < kSeconds) {
    operations += work(20000);
    seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  }
  return operations / seconds;
}

double giga_per_second(double (*work)(int), int threads) {
  double best = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> rates(threads);
    std::vector<std::thread> team;
    std::atomic<int> waiting{threads};
    for (int i = 0; i < threads; ++i) {
      team.emplace_back([&, i] { rates[i] = rate(work, waiting); });
    }
    for (auto& thread : team) thread.join();
    double total = 0;
    for (double one : rates) total += one;
    best = std::max(best, total / 1e9);
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 0;
  if (threads < 1) return std::fputs("usage: limits THREADS\n", stderr), 2;
  std::printf("{\"isa\": \"%s, %s\", \"float32_gflops\": %.1f, \"int8_gops\": %.1f}\n", kIsa, kInts,
              giga_per_second(float_operations, threads), giga_per_second(int_operations, threads));
}
