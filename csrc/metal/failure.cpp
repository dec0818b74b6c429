#include "metal/failure.h"

#include <algorithm>

#include "metal/metal_cpp.h"

namespace gptoss::metal {

namespace {

constexpr const char* kReport =
    "`gptoss-metal selftest`, and its report in an issue if a kernel is at fault";

std::string remedy_of(NS::Integer code, uint64_t working_set) {
  switch (code) {
    case MTL::CommandBufferErrorTimeout:
      return "a smaller chunk (chunk=128), and closing other programs that use the GPU";
    case MTL::CommandBufferErrorOutOfMemory:
      return "a shorter context or a smaller chunk, closing other programs, or " +
             raise_limit(working_set + (uint64_t{1} << 30));
    case MTL::CommandBufferErrorAccessRevoked:
      return "starting the program again; macOS has stopped its GPU work after earlier errors";
    case MTL::CommandBufferErrorNotPermitted:
      return "running in the foreground, in a login session that may use the GPU";
    case MTL::CommandBufferErrorDeviceRemoved:
      return "starting the program again, after the Mac if the GPU stays away";
    case MTL::CommandBufferErrorPageFault:
    case MTL::CommandBufferErrorInvalidResource:
    case MTL::CommandBufferErrorMemoryless:
    case MTL::CommandBufferErrorStackOverflow:
      return kReport;
    default:
      return std::string("the same request again; if it fails again, ") + kReport;
  }
}

}  // namespace

std::string words_of(const NS::Error* error) {
  if (error == nullptr) return "";
  std::string words = text_of(error->localizedDescription());
  std::replace_if(words.begin(), words.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  words.erase(words.find_last_not_of(". ") + 1);
  return words;
}

Error failure(const std::string& what, const std::string& remedy) {
  const std::string where = "metal";
  return Error(where, what, remedy);
}

Error object_failure(const std::string& object, const NS::Error* error) {
  const std::string words = words_of(error);
  return failure("macOS gave no " + object + (words.empty() ? "" : ": " + words),
                 "closing other programs that use the GPU, then the same request again");
}

Error command_failure(const NS::Error* error, uint64_t working_set) {
  const NS::Integer code = error == nullptr ? 0 : error->code();
  const std::string words = words_of(error);
  return failure(
      "the GPU stopped with error " + std::to_string(code) + (words.empty() ? "" : ": " + words),
      remedy_of(code, working_set));
}

std::string raise_limit(uint64_t bytes) {
  const std::string megabytes = std::to_string((bytes >> 20) + 1);
  return "`sudo sysctl iogpu.wired_limit_mb=" + megabytes + "` on a Mac with more memory";
}

}  // namespace gptoss::metal
