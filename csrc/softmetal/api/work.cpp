#include "softmetal/api/work.h"

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace softmetal::api {

namespace {

struct Count {
  std::mutex mutex;
  std::condition_variable changed;
  int value = 0;
};

Count& count() {
  static Count& instance = *new Count;
  return instance;
}

}  // namespace

Work::Work() {
  Count& c = count();
  const std::lock_guard<std::mutex> lock(c.mutex);
  ++c.value;
}

Work::~Work() {
  Count& c = count();
  const std::lock_guard<std::mutex> lock(c.mutex);
  --c.value;
  c.changed.notify_all();
}

bool Work::wait_until_none(int milliseconds) {
  Count& c = count();
  std::unique_lock<std::mutex> lock(c.mutex);
  return c.changed.wait_for(lock, std::chrono::milliseconds(milliseconds),
                            [&] { return c.value == 0; });
}

}  // namespace softmetal::api
