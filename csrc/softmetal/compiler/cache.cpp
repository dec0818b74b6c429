// $XDG_CACHE_HOME/softmetal/<key>: 32 digits of the content's hash, then the content.
#include "softmetal/compiler/cache.h"

#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace softmetal {
namespace {

namespace fs = std::filesystem;
constexpr size_t kDigits = 32;

std::string read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

fs::path directory() {
  const char* base = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  fs::path path = base && *base   ? fs::path(base)
                  : home && *home ? fs::path(home) / ".cache"
                                  : fs::temp_directory_path();
  return path / "softmetal";
}

// Entries that nobody read for a month go.
void prune(const fs::path& folder) {
  std::error_code ignored;
  const auto oldest = fs::file_time_type::clock::now() - std::chrono::hours(24 * 30);
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const auto used = entry.last_write_time(ignored);
    if (!ignored && used < oldest) fs::remove(entry.path(), ignored);
  }
}

// A cache that can't be written is no error.
void keep(const fs::path& target, const std::string& content) {
  std::error_code ignored;
  fs::create_directories(target.parent_path(), ignored);
  prune(target.parent_path());
  std::string part = target.string() + ".XXXXXX";
  const int descriptor = mkstemp(part.data());
  if (descriptor < 0) return;
  close(descriptor);
  {
    std::ofstream file(part, std::ios::binary);
    file << content_hash(content) << content;
    if (!file.flush()) {
      fs::remove(part, ignored);
      return;
    }
  }
  fs::rename(part, target, ignored);
}

}  // namespace

std::string content_hash(const std::string& text) {
  uint64_t halves[2] = {0xcbf29ce484222325u, 0x84222325cbf29ce4u};
  for (const unsigned char byte : text) {
    halves[0] = (halves[0] ^ byte) * 0x100000001b3u;
    halves[1] = (halves[1] ^ (byte + 0x5bu)) * 0x100000001b3u + (halves[1] >> 29);
  }
  char digits[kDigits + 1];
  std::snprintf(digits, sizeof digits, "%016llx%016llx", static_cast<unsigned long long>(halves[0]),
                static_cast<unsigned long long>(halves[1]));
  return digits;
}

TemporaryFile::TemporaryFile(const std::string& suffix) {
  path_ = (fs::temp_directory_path() / ("softmetal-XXXXXX" + suffix)).string();
  const int descriptor = mkstemps(path_.data(), static_cast<int>(suffix.size()));
  if (descriptor < 0) throw std::runtime_error("[softmetal] no temporary file can be created");
  close(descriptor);
}

TemporaryFile::~TemporaryFile() {
  std::error_code ignored;
  fs::remove(path_, ignored);
}

std::string cached(const std::string& key, const std::function<void(const std::string&)>& make) {
  const fs::path path = directory() / key;
  std::string kept = read_all(path.string());
  if (kept.size() > kDigits) {
    std::string content = kept.substr(kDigits);
    if (kept.compare(0, kDigits, content_hash(content)) == 0) {
      std::error_code ignored;
      fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
      return content;
    }
  }
  TemporaryFile made(".so");
  make(made.path());
  std::string content = read_all(made.path());
  keep(path, content);
  return content;
}

}  // namespace softmetal
