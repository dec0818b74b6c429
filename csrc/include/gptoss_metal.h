/* gptoss-metal's C interface: a model, and sessions that compute with it.
 *
 *     gptoss_error error;
 *     gptoss_model* model = gptoss_model_open("gpt-oss-20b.safetensors", NULL, &error);
 *     gptoss_session* session = gptoss_session_create(model, 0, 0, &error);
 *     if (gptoss_session_sync(session, tokens, count, &error) == GPTOSS_OK) {
 *       const float* logits = gptoss_session_logits(session);  // [gptoss_model_vocab(model)]
 *     }
 *
 * A model may be shared by threads; a session belongs to one thread at a time, only
 * gptoss_session_cancel() may be called from another. Every function that can fail takes an error
 * to fill in (or NULL) and says in one line what is wrong and what to try. */
#ifndef GPTOSS_METAL_H
#define GPTOSS_METAL_H

#include <stdint.h>

#if defined(_WIN32)
#define GPTOSS_API
#else
#define GPTOSS_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gptoss_model gptoss_model;
typedef struct gptoss_session gptoss_session;

typedef enum { GPTOSS_OK = 0, GPTOSS_ERROR = 1, GPTOSS_CANCELLED = 2 } gptoss_status;

typedef struct {
  char message[512]; /* UTF-8, zero-terminated, cut to fit */
} gptoss_error;

typedef struct {
  int exact;           /* 1: float32 everywhere, on the CPU with sums in one fixed order */
  int threads;         /* 0: one per core it may use */
  const char* isa;     /* NULL or "": the best instruction set of this processor */
  const char* backend; /* "cpu" or "metal"; NULL or "": metal on an M1 or newer, else cpu */
} gptoss_model_options;

/* Maps and checks a file made by `gptoss-metal convert`; NULL on error. options may be NULL. */
GPTOSS_API gptoss_model* gptoss_model_open(const char* path, const gptoss_model_options* options,
                                           gptoss_error* error);
/* The model lives on until its last session is freed. */
GPTOSS_API void gptoss_model_free(gptoss_model* model);
GPTOSS_API int32_t gptoss_model_vocab(const gptoss_model* model);
GPTOSS_API int32_t gptoss_model_context(const gptoss_model* model);
GPTOSS_API const char* gptoss_model_isa(const gptoss_model* model);
/* Where it computes: "cpu" or "metal". */
GPTOSS_API const char* gptoss_model_backend(const gptoss_model* model);

/* context: most tokens the session may hold, 0 = the model's limit; chunk: tokens computed
 * together in prefill, 0 = 512. NULL on error. */
GPTOSS_API gptoss_session* gptoss_session_create(gptoss_model* model, int32_t context,
                                                 int32_t chunk, gptoss_error* error);
GPTOSS_API void gptoss_session_free(gptoss_session* session);

/* Makes the cache hold exactly these tokens, computing only what is new. */
GPTOSS_API gptoss_status gptoss_session_sync(gptoss_session* session, const int32_t* tokens,
                                             int32_t count, gptoss_error* error);
/* Appends one token. */
GPTOSS_API gptoss_status gptoss_session_step(gptoss_session* session, int32_t token,
                                             gptoss_error* error);
/* Keeps the first `length` tokens. */
GPTOSS_API gptoss_status gptoss_session_rewind(gptoss_session* session, int32_t length,
                                               gptoss_error* error);
GPTOSS_API int32_t gptoss_session_length(const gptoss_session* session);
/* float32 [vocab] of the last token, valid until the next call that computes; NULL before the
 * first sync and after a rewind. */
GPTOSS_API const float* gptoss_session_logits(const gptoss_session* session);
/* From any thread: the running sync or step returns GPTOSS_CANCELLED; between calls it does
 * nothing. */
GPTOSS_API void gptoss_session_cancel(gptoss_session* session);

#ifdef __cplusplus
}
#endif

#endif
