// Logits of the last of some tokens, in exact precision, from a program that can be compiled with a
// fault in it:
//
//   tiles MODEL THREADS TOKEN...  ->  float32 [vocab] on standard output
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "gptoss_metal.h"

namespace {

int fail(const gptoss_error& error) {
  std::fprintf(stderr, "%s\n", error.message);
  return 4;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  std::vector<int32_t> tokens;
  for (int i = 3; i < argc; ++i) tokens.push_back(std::atoi(argv[i]));

  gptoss_error error;
  const gptoss_model_options options = {1, std::atoi(argv[2]), "portable", "cpu"};
  gptoss_model* model = gptoss_model_open(argv[1], &options, &error);
  if (model == nullptr) return fail(error);
  gptoss_session* session = gptoss_session_create(model, 0, 0, &error);
  if (session == nullptr) return fail(error);
  const auto count = static_cast<int32_t>(tokens.size());
  if (gptoss_session_sync(session, tokens.data(), count, &error) != GPTOSS_OK) return fail(error);
  const auto vocab = static_cast<size_t>(gptoss_model_vocab(model));
  std::fwrite(gptoss_session_logits(session), sizeof(float), vocab, stdout);

  gptoss_session_free(session);
  gptoss_model_free(model);
  return 0;
}
