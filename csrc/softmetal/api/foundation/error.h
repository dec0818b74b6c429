// NSError, and how methods here return one.
#pragma once

#include <string>

#include "softmetal/api/foundation/collections.h"
#include "softmetal/api/foundation/string.h"

namespace softmetal::api {

class Error : public Object {
 public:
  Error() : Object(cls()) {}
  // With `description` as userInfo's NSLocalizedDescription.
  Error(const std::string& domain, int64_t code, const std::string& description);
  static const Class& cls();

 private:
  static Error* make(String* domain, int64_t code, Dictionary* info);
  Error* init_with(String* domain, int64_t code, Dictionary* info);
  int64_t code() { return code_; }
  String* domain() { return domain_.get(); }
  Dictionary* info() { return info_.get(); }
  String* localized_description();
  Object* nothing() { return nullptr; }

  Ref<String> domain_;
  int64_t code_ = 0;
  Ref<Dictionary> info_;
};

// Sets an NSError** that may be null to an autoreleased error.
void set_error(Error** error, const std::string& domain, int64_t code,
               const std::string& description);

}  // namespace softmetal::api
