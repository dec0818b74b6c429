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

// Linux maps large pieces of its page cache by one entry each, here of 2 MiB, where address and
// place in the file agree by that size: then a file in memory costs a twentieth of the page faults
// and few misses of the processor's address cache. It is a multiple of Apple Silicon's 16384 too.
constexpr size_t kStart = size_t{2} << 20;
constexpr size_t kPage = 16384;

// Closes the descriptor on every way out; a mapping outlives it.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

[[noreturn]] void reject_mapping(const std::string& path) {
  throw Error("model file", path + " cannot be mapped: " + std::strerror(errno),
              "a larger address-space limit (ulimit -v)");
}

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
  // Room for moving the file to its start, and for its last page, whose end reads as zero.
  reserved_size_ = (size_ / kPage + 1) * kPage + kStart;
  void* reserved = mmap(nullptr, reserved_size_, PROT_READ, MAP_PRIVATE | MAP_ANON, -1, 0);
  if (reserved == MAP_FAILED) reject_mapping(path);
  reserved_ = reserved;
  const size_t past_start = reinterpret_cast<uintptr_t>(reserved) % kStart;
  uint8_t* start = static_cast<uint8_t*>(reserved) + (kStart - past_start) % kStart;
  // Private writable maps would make a GPU write-fault every page; read-only shared ones do not.
  if (mmap(start, size_, PROT_READ, MAP_SHARED | MAP_FIXED, file.fd, 0) == MAP_FAILED) {
    const int reason = errno;
    munmap(reserved_, reserved_size_);
    errno = reason;
    reject_mapping(path);
  }
#if defined(MADV_HUGEPAGE)
  // What is not in memory yet is read in large pieces. Only a wish: kernels without it say no.
  madvise(start, size_, MADV_HUGEPAGE);
#endif
  data_ = start;
}

MappedFile::~MappedFile() { munmap(reserved_, reserved_size_); }

}  // namespace gptoss
