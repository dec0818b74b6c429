// Integer products of one instruction set, without a model around them. Reads cases from standard
// input and writes the results to standard output, all as they lie in memory:
//
//   Header, values, scales, x float32 [tokens, cols]  ->  y float32 [tokens, rows]
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "cpu/kernels.h"
#include "model/error.h"

namespace {

using namespace gptoss::cpu;

struct Header {
  int32_t mxfp4;  // 0: q8
  int32_t rows;
  int32_t cols;
  int32_t tokens;
};

// What standard input holds next, in memory behind which nothing may be read: also where there is
// no address sanitizer.
template <class T>
class Input {
 public:
  explicit Input(int64_t count) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t bytes = static_cast<size_t>(count) * sizeof(T);
    const size_t pages = (bytes + page - 1) / page * page;
    size_ = pages + page;
    start_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start_ == MAP_FAILED) std::exit(3);
    uint8_t* end = static_cast<uint8_t*>(start_) + pages;
    if (mprotect(end, page, PROT_NONE) != 0) std::exit(3);
    data_ = end - bytes;
    if (std::fread(data_, 1, bytes, stdin) != bytes) std::exit(3);
  }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  ~Input() { munmap(start_, size_); }
  const T* data() const { return reinterpret_cast<const T*>(data_); }

 private:
  void* start_;
  size_t size_;
  uint8_t* data_;
};

struct Free {
  void operator()(void* p) const { std::free(p); }
};

std::vector<float> multiply(const Product& product, const Header& header) {
  const int64_t weights = int64_t{header.rows} * header.cols;
  const Input<uint8_t> values(header.mxfp4 != 0 ? weights / 2 : weights);
  const Input<uint8_t> scales(header.mxfp4 != 0 ? weights / 32 : weights / 16);
  const Input<float> x(int64_t{header.tokens} * header.cols);

  std::vector<Operand> operands;
  std::vector<std::unique_ptr<void, Free>> prepared;
  for (int t = 0; t < header.tokens; ++t) {
    const auto bytes = static_cast<size_t>(product.operand_bytes(header.cols));
    prepared.emplace_back(std::aligned_alloc(64, bytes));
    void* operand = prepared.back().get();
    const float scale = product.prepare(x.data() + int64_t{t} * header.cols, header.cols, operand);
    operands.push_back({operand, scale});
  }
  std::vector<float> y(static_cast<size_t>(header.tokens) * static_cast<size_t>(header.rows));
  const MatrixRows w = {values.data(), scales.data(), header.rows, header.cols};
  product.multiply(w, operands.data(), header.tokens, nullptr, y.data(), header.rows);
  return y;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    const Kernels& kernels = select_kernels(argv[1]);
    Header header;
    while (std::fread(&header, sizeof header, 1, stdin) == 1) {
      const Storage storage = header.mxfp4 != 0 ? Storage::mxfp4 : Storage::q8;
      const auto y = multiply(kernels.integer[static_cast<int>(storage)], header);
      std::fwrite(y.data(), sizeof(float), y.size(), stdout);
    }
  } catch (const gptoss::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 4;
  }
  return 0;
}
