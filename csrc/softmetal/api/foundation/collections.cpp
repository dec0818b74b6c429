#include "softmetal/api/foundation/collections.h"

namespace softmetal::api {

namespace {

std::vector<Ref<Object>> shared(Object* const* objects, uint64_t count) {
  std::vector<Ref<Object>> items;
  for (uint64_t i = 0; i < count; ++i) items.push_back(Ref<Object>::share(objects[i]));
  return items;
}

}  // namespace

Object* Array::at(uint64_t index) { return index < items_.size() ? items_[index].get() : nullptr; }
Array* Array::empty() { return autoreleased(new Array); }
Array* Array::of_one(Object* object) { return autoreleased(new Array(shared(&object, 1))); }
Array* Array::of_many(Object* const* objects, uint64_t count) {
  return autoreleased(new Array(shared(objects, count)));
}
Array* Array::init_many(Object* const* objects, uint64_t count) {
  items_ = shared(objects, count);
  return this;
}
Object* Array::enumerator() { return autoreleased(new Enumerator(items_)); }

const Class& Array::cls() {
  static const Class& cls = *new Class(
      "NSArray", &Object::cls(), [] { return static_cast<Object*>(new Array); },
      {class_method<&Array::empty>("array"), class_method<&Array::of_one>("arrayWithObject:"),
       class_method<&Array::of_many>("arrayWithObjects:count:"),
       method<&Array::init_many>("initWithObjects:count:"), method<&Array::at>("objectAtIndex:"),
       method<&Array::count>("count"), method<&Array::enumerator>("objectEnumerator")});
  return cls;
}

void Dictionary::add(Object* key, Object* value) {
  keys_.push_back(Ref<Object>::adopt(key->copy()));
  values_.push_back(Ref<Object>::share(value));
}

Object* Dictionary::find(Object* key) {
  for (std::size_t i = 0; key != nullptr && i < keys_.size(); ++i) {
    if (keys_[i]->is_equal(key)) return values_[i].get();
  }
  return nullptr;
}

Dictionary* Dictionary::empty() { return autoreleased(new Dictionary); }
Dictionary* Dictionary::of_one(Object* value, Object* key) { return of_many(&value, &key, 1); }
Dictionary* Dictionary::of_many(Object* const* values, Object* const* keys, uint64_t count) {
  return autoreleased((new Dictionary)->init_many(values, keys, count));
}
Dictionary* Dictionary::init_many(Object* const* values, Object* const* keys, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) add(keys[i], values[i]);
  return this;
}
Object* Dictionary::enumerator() { return autoreleased(new Enumerator(keys_)); }

const Class& Dictionary::cls() {
  static const Class& cls =
      *new Class("NSDictionary", &Object::cls(), create<Dictionary>,
                 {class_method<&Dictionary::empty>("dictionary"),
                  class_method<&Dictionary::of_one>("dictionaryWithObject:forKey:"),
                  class_method<&Dictionary::of_many>("dictionaryWithObjects:forKeys:count:"),
                  method<&Dictionary::init_many>("initWithObjects:forKeys:count:"),
                  method<&Dictionary::find>("objectForKey:"), method<&Dictionary::count>("count"),
                  method<&Dictionary::enumerator>("keyEnumerator")});
  return cls;
}

Object* Enumerator::next() {
  return position_ < items_.size() ? items_[position_++].get() : nullptr;
}

Object* Enumerator::all() {
  std::vector<Ref<Object>> rest(items_.begin() + static_cast<std::ptrdiff_t>(position_),
                                items_.end());
  position_ = items_.size();
  return autoreleased(new Array(std::move(rest)));
}

const Class& Enumerator::cls() {
  static const Class& cls =
      *new Class("NSEnumerator", &Object::cls(), nullptr,
                 {method<&Enumerator::next>("nextObject"), method<&Enumerator::all>("allObjects")});
  return cls;
}

}  // namespace softmetal::api
