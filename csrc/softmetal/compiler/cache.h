// Compiled modules on disk, by a hash of everything they are made from.
#pragma once

#include <functional>
#include <string>

namespace softmetal {

// 128 bits of FNV-1a, in hexadecimal digits.
std::string content_hash(const std::string& text);

// A file of our own that is gone when this is.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& suffix);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The bytes kept under `key`; made by `make` (which writes the file it is given) when there are
// none or they are damaged. Safe against other processes.
std::string cached(const std::string& key, const std::function<void(const std::string&)>& make);

}  // namespace softmetal
