/* The C interface in one page: read token ids, print the most likely next token and its logit.
 *
 *     cmake -S . -B build/c -DGPTOSS_PYTHON=OFF && cmake --build build/c
 *     cc -Icsrc/include examples/c/next_token.c -Lbuild/c -lgptoss_core -lstdc++ -lpthread -lm \
 *         -o next_token
 *     ./next_token MODEL.safetensors 200006 1428 200008
 *
 * With --all it prints every logit of the last position instead, one per line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gptoss_metal.h"

static int fail(const gptoss_error* error) {
  fprintf(stderr, "%s\n", error->message);
  return 2;
}

int main(int argc, char** argv) {
  const int all = argc > 1 && strcmp(argv[1], "--all") == 0;
  const int first = 1 + all;
  if (argc < first + 2) {
    fprintf(stderr, "usage: %s [--all] MODEL TOKEN...\n", argv[0]);
    return 2;
  }
  gptoss_error error;
  gptoss_model* model = gptoss_model_open(argv[first], NULL, &error);
  if (model == NULL) return fail(&error);
  gptoss_session* session = gptoss_session_create(model, 0, 0, &error);
  if (session == NULL) return fail(&error);

  const int count = argc - first - 1;
  int32_t* tokens = malloc(sizeof *tokens * (size_t)count);
  if (tokens == NULL) return 2;
  for (int i = 0; i < count; ++i) tokens[i] = (int32_t)strtol(argv[first + 1 + i], NULL, 10);
  if (gptoss_session_sync(session, tokens, count, &error) != GPTOSS_OK) return fail(&error);

  const float* logits = gptoss_session_logits(session);
  const int vocab = gptoss_model_vocab(model);
  int best = 0;
  for (int i = 0; i < vocab; ++i) {
    if (all) printf("%.9g\n", (double)logits[i]);
    if (logits[i] > logits[best]) best = i;
  }
  if (!all) printf("%d %.4f (%s)\n", best, (double)logits[best], gptoss_model_isa(model));

  free(tokens);
  gptoss_session_free(session);
  gptoss_model_free(model);
  return 0;
}
