// A file mapped read-only and shared: opening costs no copy, and all processes share the pages. It
// starts at a multiple of 2 MiB, so that Linux can map large pages, and is readable up to a
// multiple of 16384 bytes, the page of Apple Silicon: so a GPU can be given its pages as they are.
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
  void* reserved_ = nullptr;  // address space with the mapping in it
  size_t reserved_size_ = 0;
};

}  // namespace gptoss
