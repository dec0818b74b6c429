#include "model/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "model/error.h"

namespace gptoss {

namespace {

// Closes the descriptor on every way out; a mapping outlives it.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

}  // namespace

MappedFile::MappedFile(const std::string& path) : path_(path) {
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) {
    throw Error("model file", path + ": " + std::strerror(errno),
                "a path made by `gptoss-metal convert`");
  }
  struct stat info{};
  if (fstat(file.fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    throw Error("model file", path + " is not a regular file",
                "the .safetensors file made by `gptoss-metal convert`");
  }
  size_ = static_cast<size_t>(info.st_size);
  if (size_ == 0) {
    throw Error("model file", path + " is empty", "convert the model again");
  }
  // Private writable maps would make a GPU write-fault every page; read-only shared ones do not.
  void* address = mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.fd, 0);
  if (address == MAP_FAILED) {
    throw Error("model file", path + " cannot be mapped: " + std::strerror(errno),
                "a larger address-space limit (ulimit -v)");
  }
  data_ = static_cast<const uint8_t*>(address);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<uint8_t*>(data_), size_);
}

}  // namespace gptoss
