#include "softmetal/api/metal/library.h"

#include <algorithm>
#include <stdexcept>

#include "softmetal/api/block.h"
#include "softmetal/api/metal/device.h"
#include "softmetal/state.h"

namespace softmetal::api {

namespace {

constexpr const char* kDomain = "MTLLibraryErrorDomain";
constexpr int64_t kInternal = 2, kCompileFailure = 3, kFunctionNotFound = 5;

bool has(const Program& program, const std::string& name) {
  const auto& kernels = program.kernels();
  return std::any_of(kernels.begin(), kernels.end(),
                     [&](const KernelSignature& k) { return k.name == name; });
}

}  // namespace

Library::Library(Device* device, std::shared_ptr<Program> program)
    : Labelled(cls()), device_(Ref<Device>::share(device)), program_(std::move(program)) {}
Library::~Library() = default;

Array* Library::names() {
  std::vector<Ref<Object>> names;
  for (const KernelSignature& kernel : program_->kernels()) {
    names.push_back(Ref<Object>::adopt(new String(kernel.name)));
  }
  return autoreleased(new Array(std::move(names)));
}

Function* Library::function(String* name) {
  if (fault_hits(Fault::object_allocation)) return nullptr;
  if (!has(*program_, text_of(name))) return nullptr;
  return new Function(device_.get(), program_, text_of(name), {});
}

Function* Library::function_with(String* name, FunctionConstants* constants, Error** error) {
  if (fault_hits(Fault::object_allocation)) {
    set_error(error, kDomain, kInternal, "Insufficient memory for a function");
    return nullptr;
  }
  const std::string text = text_of(name);
  if (!has(*program_, text)) {
    set_error(error, kDomain, kFunctionNotFound,
              "Function " + text + " was not found in the library");
    return nullptr;
  }
  try {
    ConstantValues values;
    if (constants != nullptr) values = constants->values(*program_);
    return new Function(device_.get(), program_, text, std::move(values));
  } catch (const std::invalid_argument& problem) {
    set_error(error, kDomain, kCompileFailure, problem.what());
    return nullptr;
  }
}

void Library::function_async(String* name, FunctionConstants* constants, const void* handler) {
  Error* error = nullptr;
  const Ref<Function> function = Ref<Function>::adopt(function_with(name, constants, &error));
  Block<void(Function*, Error*)>{handler}(function.get(), error);
}

const Class& Library::cls() {
  using T = Library;
  static const Class& cls = *new Class(
      "MTLLibrary", &Labelled::cls(), nullptr,
      {method<&T::device>("device"), method<&T::names>("functionNames"),
       method<&T::function>("newFunctionWithName:"),
       method<&T::function_with>("newFunctionWithName:constantValues:error:"),
       method<&T::function_async>("newFunctionWithName:constantValues:completionHandler:")});
  return cls;
}

Function::Function(Device* device, std::shared_ptr<Program> program, std::string name,
                   ConstantValues constants)
    : Labelled(cls()),
      device_(Ref<Device>::share(device)),
      program_(std::move(program)),
      name_(std::move(name)),
      constants_(std::move(constants)) {}
Function::~Function() = default;

const Class& Function::cls() {
  static const Class& cls =
      *new Class("MTLFunction", &Labelled::cls(), nullptr,
                 {method<&Function::device>("device"), method<&Function::name_string>("name"),
                  method<&Function::type>("functionType")});
  return cls;
}

}  // namespace softmetal::api
