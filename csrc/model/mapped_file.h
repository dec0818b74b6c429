// A file mapped read-only and shared: opening costs no copy, and all processes share the pages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace gptoss {

class MappedFile {
 public:
  // Throws Error when `path` cannot be opened or mapped.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  std::string path_;
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace gptoss
