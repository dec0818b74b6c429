#include "softmetal/api/foundation/process_info.h"

#include <unistd.h>

#include <Foundation/NSTypes.hpp>

#include "softmetal/api/foundation/string.h"
#include "softmetal/state.h"

namespace softmetal::api {

namespace {

ProcessInfo* current() { return autoreleased(new ProcessInfo); }

// Methods of the object, as plain functions.
NS::OperatingSystemVersion version(ProcessInfo*, SEL) { return {macos_version(), 0, 0}; }

bool is_at_least(ProcessInfo*, SEL, NS::OperatingSystemVersion asked) {
  if (macos_version() != asked.majorVersion) return macos_version() > asked.majorVersion;
  return asked.minorVersion == 0 && asked.patchVersion == 0;
}

String* version_string(ProcessInfo*, SEL) {
  return autoreleased(new String("Version " + std::to_string(macos_version()) + ".0"));
}

unsigned long long physical_memory(ProcessInfo*, SEL) {
  return static_cast<unsigned long long>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<unsigned long long>(sysconf(_SC_PAGESIZE));
}

uint64_t processors(ProcessInfo*, SEL) {
  return static_cast<uint64_t>(sysconf(_SC_NPROCESSORS_ONLN));
}

template <class F>
Method plain(const char* selector, F* function) {
  return {selector, reinterpret_cast<Imp>(function), false, 0};
}

}  // namespace

const Class& ProcessInfo::cls() {
  static const Class& cls =
      *new Class("NSProcessInfo", &Object::cls(), nullptr,
                 {class_method<&current>("processInfo"), plain("operatingSystemVersion", &version),
                  plain("isOperatingSystemAtLeastVersion:", &is_at_least),
                  plain("operatingSystemVersionString", &version_string),
                  plain("physicalMemory", &physical_memory), plain("processorCount", &processors),
                  plain("activeProcessorCount", &processors)});
  return cls;
}

}  // namespace softmetal::api
