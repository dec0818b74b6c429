#include "softmetal/api/foundation/url.h"

namespace softmetal::api {

const Class& Url::cls() {
  static const Class& cls = *new Class(
      "NSURL", &Object::cls(), create<Url>,
      {class_method<&Url::of_file>("fileURLWithPath:"),
       method<&Url::init_path>("initFileURLWithPath:"), method<&Url::init_path>("initWithString:"),
       method<&Url::file_system>("fileSystemRepresentation")});
  return cls;
}

}  // namespace softmetal::api
