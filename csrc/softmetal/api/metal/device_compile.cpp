// MTLDevice: libraries and pipelines.
#include <thread>

#include "softmetal/api/autorelease.h"
#include "softmetal/api/block.h"
#include "softmetal/api/metal/device.h"
#include "softmetal/api/work.h"
#include "softmetal/state.h"

namespace softmetal::api {

namespace {

constexpr const char* kDomain = "MTLLibraryErrorDomain";

// Runs a job on a thread of its own, under a pool, as Metal's asynchronous methods do.
template <class Job>
void in_background(Job job) {
  auto work = std::make_unique<Work>();
  auto own = std::make_unique<Job>(std::move(job));
  std::thread([work = std::move(work), own = std::move(own)]() mutable {
    {
      const Ref<AutoreleasePool> pool = Ref<AutoreleasePool>::adopt(new AutoreleasePool);
      (*own)();
      own.reset();
    }
    work.reset();
  }).detach();
}

Library* no_metallib(Error** error, const std::string& what) {
  set_error(error, kDomain, 2,
            what + ": software Metal compiles source text and reads no metallib");
  return nullptr;
}

}  // namespace

Library* Device::library(String* source, LibraryOptions* options, Error** error) {
  if (fault_hits(Fault::compile)) {
    set_error(error, kDomain, 3, "program_source:1:1: error: a planted fault of software Metal");
    return nullptr;
  }
  if (fault_hits(Fault::object_allocation)) {
    set_error(error, kDomain, 2, "Insufficient memory for a library");
    return nullptr;
  }
  CompileOptions chosen;
  chosen.fast_math = true;  // Metal's default
  if (options != nullptr) chosen = options->options();
  count_library(options != nullptr ? options->described() : LibraryOptions().described());
  try {
    return new Library(this, Program::compile(text_of(source), chosen));
  } catch (const std::exception& problem) {
    set_error(error, kDomain, 3, problem.what());
    return nullptr;
  }
}

void Device::library_async(String* source, LibraryOptions* options, const void* handler) {
  const Ref<Device> self = Ref<Device>::share(this);
  const Ref<String> text = Ref<String>::share(source);
  Ref<LibraryOptions> own;
  if (options != nullptr) own = Ref<LibraryOptions>::share(options);
  const Block<void(Library*, Error*)> call(handler);
  in_background([self, text, own, call] {
    Error* error = nullptr;
    const Ref<Library> library = Ref<Library>::adopt(self->library(text.get(), own.get(), &error));
    call(library.get(), error);
  });
}

Library* Device::library_url(Url* url, Error** error) {
  return no_metallib(error, url == nullptr ? "no URL" : url->path());
}
Library* Device::library_file(String* path, Error** error) {
  return no_metallib(error, text_of(path));
}
Library* Device::library_data(const void*, Error** error) { return no_metallib(error, "data"); }
Library* Device::default_library() { return nullptr; }

PipelineState* Device::pipeline(Function* function, Error** error) {
  return PipelineState::make(this, function, 0, "", error);
}

void Device::pipeline_async(Function* function, const void* handler) {
  const Ref<Device> self = Ref<Device>::share(this);
  const Ref<Function> own = Ref<Function>::share(function);
  const Block<void(PipelineState*, Error*)> call(handler);
  in_background([self, own, call] {
    Error* error = nullptr;
    const Ref<PipelineState> state = Ref<PipelineState>::adopt(self->pipeline(own.get(), &error));
    call(state.get(), error);
  });
}

PipelineState* Device::pipeline_with(PipelineDescriptor* descriptor, uint64_t, Object** reflection,
                                     Error** error) {
  if (reflection != nullptr) *reflection = nullptr;
  return PipelineState::make(this, descriptor->function(), descriptor->max_threads(),
                             descriptor->label_text(), error);
}

void Device::pipeline_with_async(PipelineDescriptor* descriptor, uint64_t options,
                                 const void* handler) {
  const Ref<Device> self = Ref<Device>::share(this);
  const auto own =
      Ref<PipelineDescriptor>::adopt(static_cast<PipelineDescriptor*>(descriptor->copy()));
  const Block<void(PipelineState*, Object*, Error*)> call(handler);
  in_background([self, own, options, call] {
    Error* error = nullptr;
    const Ref<PipelineState> state =
        Ref<PipelineState>::adopt(self->pipeline_with(own.get(), options, nullptr, &error));
    call(state.get(), nullptr, error);
  });
}

}  // namespace softmetal::api
