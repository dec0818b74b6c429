#include "metal/library.h"

#include "metal/failure.h"
#include "metal/kernel_source.h"

#ifdef GPTOSS_METALLIB
#include <dispatch/dispatch.h>
#endif

namespace gptoss::metal {

namespace {

Ref<MTL::CompileOptions> compile_options() {
  Ref<MTL::CompileOptions> options = owned(MTL::CompileOptions::alloc()->init());
  options->setLanguageVersion(MTL::LanguageVersion3_1);
  if (Selectors::has(options.get(), "setMathMode:")) {
    options->setMathMode(MTL::MathModeSafe);
    // Its default is fast, in safe mode too; fast max, min and exp are undefined for NaN.
    options->setMathFloatingPointFunctions(MTL::MathFloatingPointFunctionsPrecise);
  } else {
    options->setFastMathEnabled(false);
  }
  return options;
}

#ifdef GPTOSS_METALLIB
// The built-in library; none where this macOS is older than the one it was made for.
Ref<MTL::Library> load_metallib(MTL::Device* device) {
  dispatch_data_t data =
      dispatch_data_create(kMetallib, kMetallibBytes, nullptr, DISPATCH_DATA_DESTRUCTOR_DEFAULT);
  NS::Error* error = nullptr;
  Ref<MTL::Library> library = owned(device->newLibrary(data, &error));
  dispatch_release(data);
  return library;
}
#endif

}  // namespace

Ref<MTL::Library> make_library(MTL::Device* device) {
#ifdef GPTOSS_METALLIB
  if (Ref<MTL::Library> built_in = load_metallib(device)) return built_in;
#endif
  const Ref<NS::String> source = ns_string(std::string(kKernelSource));
  const Ref<MTL::CompileOptions> options = compile_options();
  NS::Error* error = nullptr;
  Ref<MTL::Library> library = owned(device->newLibrary(source.get(), options.get(), &error));
  if (!library) {
    throw failure("the kernels do not compile on this macOS: " + words_of(error),
                  "macOS 14 or later; if it is, this message in an issue, and backend=\"cpu\" "
                  "until it is answered");
  }
  return library;
}

}  // namespace gptoss::metal
