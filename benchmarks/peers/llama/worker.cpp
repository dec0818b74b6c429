// llama.cpp as a measured process: takes commands on stdin, answers each with a line of JSON.
//
//   llama-worker MODEL THREADS STATES
//     prefill N         seconds to compute N random tokens from nothing
//     decode DEPTH N    seconds to compute N tokens one by one behind DEPTH others
//     logits FILE T...  writes the float32 logits behind the tokens T to FILE
//
// Contexts and calls are those of llama-bench; two things differ. One process answers all commands,
// and what DEPTH tokens leave in the cache is kept in files STATES<DEPTH>: computing it takes
// minutes, and llama-bench does so in every process.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "ggml-cpu.h"
#include "llama.h"

namespace {

constexpr int kWarmUp = 4;
constexpr int kWarmUpPrompt = 32;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

class Worker {
 public:
  Worker(const char* path, int threads, std::string states)
      : threads_(threads), states_(std::move(states)) {
    llama_model_params params = llama_model_default_params();
    params.load_mode = LLAMA_LOAD_MODE_NONE;  // with a mapped file it would hold two copies
    model_.reset(llama_model_load_from_file(path, params));
    if (!model_) throw std::runtime_error(std::string("cannot load ") + path);
    vocab_ = llama_vocab_n_tokens(llama_model_get_vocab(model_.get()));
    ggml_threadpool_params pool = ggml_threadpool_params_default(threads);
    pool_.reset(ggml_threadpool_new(&pool));
    if (!pool_) throw std::runtime_error("cannot start threads");
  }

  void first_token() {
    open(1);
    generate(1);
  }

  double prefill(int count) {
    open(count);
    run(random_tokens(std::min(count, kWarmUpPrompt)));
    llama_memory_clear(llama_get_memory(context_.get()), false);
    const auto tokens = random_tokens(count);
    const auto begun = Clock::now();
    run(tokens);
    return seconds_since(begun);
  }

  double decode(int depth, int count) {
    open(depth + kWarmUp + count);
    fill(depth);
    generate(kWarmUp);
    const auto begun = Clock::now();
    generate(count);
    return seconds_since(begun);
  }

  void logits(const std::string& file, std::vector<llama_token> tokens) {
    open(static_cast<int>(tokens.size()));
    run(std::move(tokens));
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(std::fopen(file.c_str(), "wb"),
                                                        std::fclose);
    if (!out) throw std::runtime_error("cannot write " + file);
    std::fwrite(llama_get_logits_ith(context_.get(), -1), sizeof(float), vocab_, out.get());
  }

 private:
  void open(int length) {
    llama_context_params params = llama_context_default_params();
    params.n_ctx = length;
    params.n_batch = 2048;
    params.n_ubatch = 512;
    params.swa_full = false;
    context_.reset();
    context_.reset(llama_init_from_model(model_.get(), params));
    if (!context_) throw std::runtime_error("cannot make a context");
    llama_set_n_threads(context_.get(), threads_, threads_);
    llama_attach_threadpool(context_.get(), pool_.get(), nullptr);
  }

  void fill(int depth) {
    if (depth == 0) return;
    const std::string file = states_ + std::to_string(depth);
    std::vector<llama_token> tokens(depth);
    size_t count = 0;
    if (std::filesystem::exists(file) &&
        llama_state_seq_load_file(context_.get(), file.c_str(), 0, tokens.data(), depth, &count)) {
      return;
    }
    tokens = random_tokens(depth);
    for (int done = 0; done < depth; done += 2048) {
      run({tokens.begin() + done, tokens.begin() + std::min(depth, done + 2048)});
    }
    if (!llama_state_seq_save_file(context_.get(), file.c_str(), 0, tokens.data(), depth)) {
      throw std::runtime_error("cannot write " + file);
    }
  }

  void run(std::vector<llama_token> tokens) {
    const llama_batch batch = llama_batch_get_one(tokens.data(), static_cast<int>(tokens.size()));
    if (llama_decode(context_.get(), batch) != 0) throw std::runtime_error("llama_decode failed");
    llama_synchronize(context_.get());
  }

  void generate(int count) {
    for (int i = 0; i < count; ++i) run(random_tokens(1));
  }

  std::vector<llama_token> random_tokens(int count) {
    std::uniform_int_distribution<llama_token> any(0, vocab_ - 1);
    std::vector<llama_token> tokens(count);
    for (auto& token : tokens) token = any(random_);
    return tokens;
  }

  int threads_;
  int vocab_ = 0;
  std::string states_;
  std::mt19937 random_;
  std::unique_ptr<ggml_threadpool, void (*)(ggml_threadpool*)> pool_{nullptr, ggml_threadpool_free};
  std::unique_ptr<llama_model, void (*)(llama_model*)> model_{nullptr, llama_model_free};
  std::unique_ptr<llama_context, void (*)(llama_context*)> context_{nullptr, llama_free};
};

std::string answer(Worker& worker, const std::string& line) {
  std::istringstream words(line);
  std::string command;
  words >> command;
  double seconds = 0;
  int depth = 0;
  int count = 0;
  if (command == "prefill" && words >> count) {
    seconds = worker.prefill(count);
  } else if (command == "decode" && words >> depth >> count) {
    seconds = worker.decode(depth, count);
  } else if (std::string file; command == "logits" && words >> file) {
    std::vector<llama_token> tokens;
    for (llama_token token; words >> token;) tokens.push_back(token);
    worker.logits(file, tokens);
  } else {
    throw std::runtime_error("unknown command: " + line);
  }
  return "{\"seconds\": " + std::to_string(seconds) + "}";
}

void quiet(ggml_log_level level, const char* text, void*) {
  if (level >= GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return std::fputs("usage: llama-worker MODEL THREADS STATES\n", stderr), 2;
  try {
    llama_log_set(quiet, nullptr);
    llama_backend_init();
    Worker worker(argv[1], std::atoi(argv[2]), argv[3]);
    worker.first_token();
    std::cout << "{\"threads\": " << argv[2] << "}" << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
      std::cout << answer(worker, line) << std::endl;
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
  }
}
