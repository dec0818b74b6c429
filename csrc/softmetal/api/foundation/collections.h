// NSArray, NSDictionary and their enumerators: immutable, members retained.
#pragma once

#include <vector>

#include "softmetal/api/runtime.h"

namespace softmetal::api {

class Array : public Object {
 public:
  explicit Array(std::vector<Ref<Object>> items = {}) : Object(cls()), items_(std::move(items)) {}
  Object* at(uint64_t index);
  uint64_t count() { return items_.size(); }
  static const Class& cls();

 private:
  static Array* empty();
  static Array* of_one(Object* object);
  static Array* of_many(Object* const* objects, uint64_t count);
  Array* init_many(Object* const* objects, uint64_t count);
  Object* enumerator();

  std::vector<Ref<Object>> items_;
};

class Dictionary : public Object {
 public:
  Dictionary() : Object(cls()) {}
  void add(Object* key, Object* value);
  Object* find(Object* key);
  uint64_t count() { return keys_.size(); }
  const std::vector<Ref<Object>>& keys() const { return keys_; }
  static const Class& cls();

 private:
  static Dictionary* empty();
  static Dictionary* of_one(Object* value, Object* key);
  static Dictionary* of_many(Object* const* values, Object* const* keys, uint64_t count);
  Dictionary* init_many(Object* const* values, Object* const* keys, uint64_t count);
  Object* enumerator();

  std::vector<Ref<Object>> keys_, values_;
};

class Enumerator : public Object {
 public:
  explicit Enumerator(std::vector<Ref<Object>> items) : Object(cls()), items_(std::move(items)) {}
  static const Class& cls();

 private:
  Object* next();
  Object* all();

  std::vector<Ref<Object>> items_;
  std::size_t position_ = 0;
};

}  // namespace softmetal::api
