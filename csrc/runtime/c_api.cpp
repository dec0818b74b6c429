#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <span>

#include "gptoss_metal.h"
#include "model/error.h"
#include "runtime/backends.h"
#include "runtime/session.h"

struct gptoss_model {
  std::shared_ptr<const gptoss::Model> model;
};

struct gptoss_session {
  gptoss::Session session;
};

namespace {

void report(gptoss_error* error, const char* message) {
  if (error == nullptr) return;
  const size_t length = std::min(std::strlen(message), sizeof error->message - 1);
  std::memcpy(error->message, message, length);
  error->message[length] = '\0';
}

// Runs `body`; no exception crosses the C boundary.
template <class F>
gptoss_status guarded(gptoss_error* error, F body) {
  try {
    body();
    return GPTOSS_OK;
  } catch (const gptoss::Cancelled& cancelled) {
    report(error, cancelled.what());
    return GPTOSS_CANCELLED;
  } catch (const std::bad_alloc&) {
    report(error, "[memory] an allocation failed. Try: a smaller context or chunk.");
    return GPTOSS_ERROR;
  } catch (const std::exception& exception) {
    report(error, exception.what());
    return GPTOSS_ERROR;
  }
}

}  // namespace

gptoss_model* gptoss_model_open(const char* path, const gptoss_model_options* options,
                                gptoss_error* error) {
  std::unique_ptr<gptoss_model> result;
  guarded(error, [&] {
    gptoss::ModelOptions chosen;
    chosen.backend.clear();
    if (options != nullptr) {
      if (options->exact != 0) chosen.precision = gptoss::Precision::exact;
      chosen.threads = options->threads;
      if (options->isa != nullptr) chosen.isa = options->isa;
      if (options->backend != nullptr) chosen.backend = options->backend;
    }
    if (chosen.backend.empty()) chosen.backend = gptoss::default_backend();
    result = std::make_unique<gptoss_model>(
        gptoss_model{std::make_shared<const gptoss::Model>(path, chosen)});
  });
  return result.release();
}

void gptoss_model_free(gptoss_model* model) { delete model; }

int32_t gptoss_model_vocab(const gptoss_model* model) { return model->model->config().vocab; }

int32_t gptoss_model_context(const gptoss_model* model) { return model->model->config().context; }

const char* gptoss_model_isa(const gptoss_model* model) { return model->model->backend().isa(); }

const char* gptoss_model_backend(const gptoss_model* model) {
  return model->model->backend().name();
}

gptoss_session* gptoss_session_create(gptoss_model* model, int32_t context, int32_t chunk,
                                      gptoss_error* error) {
  gptoss_session* result = nullptr;
  guarded(error, [&] { result = new gptoss_session{{model->model, context, chunk}}; });
  return result;
}

void gptoss_session_free(gptoss_session* session) { delete session; }

gptoss_status gptoss_session_sync(gptoss_session* session, const int32_t* tokens, int32_t count,
                                  gptoss_error* error) {
  return guarded(error, [&] {
    session->session.sync(std::span(tokens, static_cast<size_t>(std::max(count, 0))));
  });
}

gptoss_status gptoss_session_step(gptoss_session* session, int32_t token, gptoss_error* error) {
  return guarded(error, [&] { session->session.step(token); });
}

gptoss_status gptoss_session_rewind(gptoss_session* session, int32_t length, gptoss_error* error) {
  return guarded(error, [&] { session->session.rewind(length); });
}

int32_t gptoss_session_length(const gptoss_session* session) { return session->session.length(); }

const float* gptoss_session_logits(const gptoss_session* session) {
  return session->session.has_logits() ? session->session.logits().data() : nullptr;
}

void gptoss_session_cancel(gptoss_session* session) { session->session.cancel(); }
