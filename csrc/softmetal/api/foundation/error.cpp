#include "softmetal/api/foundation/error.h"

namespace softmetal::api {

namespace {

Ref<String> description_key() { return Ref<String>::adopt(new String("NSLocalizedDescription")); }

}  // namespace

Error::Error(const std::string& domain, int64_t code, const std::string& description)
    : Object(cls()),
      domain_(Ref<String>::adopt(new String(domain))),
      code_(code),
      info_(Ref<Dictionary>::adopt(new Dictionary)) {
  const Ref<String> text = Ref<String>::adopt(new String(description));
  info_->add(description_key().get(), text.get());
}

Error* Error::make(String* domain, int64_t code, Dictionary* info) {
  return autoreleased((new Error)->init_with(domain, code, info));
}

Error* Error::init_with(String* domain, int64_t code, Dictionary* info) {
  domain_ = Ref<String>::share(domain);
  code_ = code;
  info_ = Ref<Dictionary>::share(info);
  return this;
}

String* Error::localized_description() {
  Object* text = info_ ? info_->find(description_key().get()) : nullptr;
  if (text != nullptr) return static_cast<String*>(text);
  return autoreleased(new String("The operation couldn't be completed. (" + text_of(domain_.get()) +
                                 " error " + std::to_string(code_) + ".)"));
}

void set_error(Error** error, const std::string& domain, int64_t code,
               const std::string& description) {
  if (error != nullptr) *error = autoreleased(new Error(domain, code, description));
}

const Class& Error::cls() {
  static const Class& cls = *new Class(
      "NSError", &Object::cls(), create<Error>,
      {class_method<&Error::make>("errorWithDomain:code:userInfo:"),
       method<&Error::init_with>("initWithDomain:code:userInfo:"), method<&Error::code>("code"),
       method<&Error::domain>("domain"), method<&Error::info>("userInfo"),
       method<&Error::localized_description>("localizedDescription"),
       method<&Error::localized_description>("description"),
       method<&Error::nothing>("localizedFailureReason"),
       method<&Error::nothing>("localizedRecoverySuggestion"),
       method<&Error::nothing>("localizedRecoveryOptions")});
  return cls;
}

}  // namespace softmetal::api
