// NSURL of files.
#pragma once

#include "softmetal/api/foundation/string.h"
#include "softmetal/api/runtime.h"

namespace softmetal::api {

class Url : public Object {
 public:
  Url() : Object(cls()) {}
  const std::string& path() const { return path_; }
  static const Class& cls();

 private:
  static Url* of_file(String* path) { return autoreleased((new Url)->init_path(path)); }
  Url* init_path(String* path) {
    path_ = text_of(path);
    return this;
  }
  const char* file_system() { return path_.c_str(); }

  std::string path_;
};

}  // namespace softmetal::api
