/* Logits of the last of some tokens, in a program that can be compiled with a fault in it:
 *
 *     tiles MODEL EXACT THREADS TOKEN...  ->  float32 [vocab] on standard output */
#include <stdio.h>
#include <stdlib.h>

#include "gptoss_metal.h"

static int fail(const gptoss_error* error) {
  fprintf(stderr, "%s\n", error->message);
  return 4;
}

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  gptoss_error error;
  gptoss_model_options options = {atoi(argv[2]), atoi(argv[3]), "portable", "cpu"};
  gptoss_model* model = gptoss_model_open(argv[1], &options, &error);
  if (model == NULL) return fail(&error);
  gptoss_session* session = gptoss_session_create(model, 0, 0, &error);
  if (session == NULL) return fail(&error);

  const int count = argc - 4;
  int32_t* tokens = malloc(sizeof *tokens * (size_t)count);
  if (tokens == NULL) return 3;
  for (int i = 0; i < count; ++i) tokens[i] = atoi(argv[4 + i]);
  if (gptoss_session_sync(session, tokens, count, &error) != GPTOSS_OK) return fail(&error);
  fwrite(gptoss_session_logits(session), sizeof(float), (size_t)gptoss_model_vocab(model), stdout);

  free(tokens);
  gptoss_session_free(session);
  gptoss_model_free(model);
  return 0;
}
