// Integer products of one instruction set, without a model around them. Reads cases from standard
// input and writes the results to standard output, all as they lie in memory:
//
//   Header, values, scales, x float32 [tokens, cols]  ->  y float32 [tokens, rows]
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

template <class T>
std::vector<T> read(int64_t count) {
  std::vector<T> data(static_cast<size_t>(count));
  if (std::fread(data.data(), sizeof(T), data.size(), stdin) != data.size()) std::exit(3);
  return data;
}

struct Free {
  void operator()(void* p) const { std::free(p); }
};

std::vector<float> multiply(const Product& product, const Header& header) {
  const int64_t weights = int64_t{header.rows} * header.cols;
  const auto values = read<uint8_t>(header.mxfp4 != 0 ? weights / 2 : weights);
  const auto scales = read<uint8_t>(header.mxfp4 != 0 ? weights / 32 : weights / 16);
  const auto x = read<float>(int64_t{header.tokens} * header.cols);

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
