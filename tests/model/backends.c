/* Opens a model with each given name of a backend ("-" for none) and prints where it computes. */
#include <stdio.h>
#include <string.h>

#include "gptoss_metal.h"

int main(int argc, char** argv) {
  for (int i = 2; i < argc; ++i) {
    gptoss_model_options options = {0};
    options.backend = strcmp(argv[i], "-") == 0 ? NULL : argv[i];
    gptoss_error error;
    gptoss_model* model = gptoss_model_open(argv[1], &options, &error);
    printf("%s\n", model == NULL ? error.message : gptoss_model_backend(model));
    if (model != NULL) gptoss_model_free(model);
  }
  return 0;
}
