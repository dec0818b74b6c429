// Counts what other threads still do, so that counting objects can wait for it.
#pragma once

namespace softmetal::api {

class Work {
 public:
  Work();
  ~Work();
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  // Waits until no Work exists; false if the time passed first.
  static bool wait_until_none(int milliseconds);
};

}  // namespace softmetal::api
