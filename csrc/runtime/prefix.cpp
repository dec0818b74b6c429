#include "runtime/prefix.h"

#include <cstring>

#include "backend/kv_shape.h"
#include "model/error.h"
#include "runtime/tokens.h"

namespace gptoss {

namespace {

void check_size(const std::string& what, uint64_t size, uint64_t expected) {
  if (size == expected) return;
  throw Error(
      "prefix",
      what + " has " + std::to_string(size) + " bytes and should have " + std::to_string(expected),
      "computing the prefix anew");
}

// No cache holds infinities or NaNs: an exponent of all ones is damage.
template <class Bits>
void check_finite(const std::string& what, Backend::Bytes bytes, Bits exponent) {
  for (size_t i = 0; i + sizeof(Bits) <= bytes.size(); i += sizeof(Bits)) {
    Bits value;
    std::memcpy(&value, bytes.data() + i, sizeof value);
    if ((value & exponent) != exponent) continue;
    throw Error("prefix", what + " holds a value that is no number", "computing the prefix anew");
  }
}

void check_values(const KvShape& shape, const std::string& what, Backend::Bytes bytes) {
  if (shape.item == 4) {
    check_finite<uint32_t>(what, bytes, 0x7F800000);
  } else {
    check_finite<uint16_t>(what, bytes, 0x7C00);
  }
}

void check_parts(const KvShape& shape, int length, std::span<const Backend::Bytes> pages,
                 Backend::Bytes window) {
  const int wanted = shape.pages(length);
  if (pages.size() != static_cast<size_t>(wanted)) {
    throw Error("prefix",
                std::to_string(length) + " tokens take " + std::to_string(wanted) + " pages, not " +
                    std::to_string(pages.size()),
                "computing the prefix anew");
  }
  check_size("the window state", window.size(), shape.window_bytes(length));
  check_values(shape, "the window state", window);
  for (int i = 0; i < wanted; ++i) {
    const Backend::Bytes page = pages[static_cast<size_t>(i)];
    const std::string name = "page " + std::to_string(i);
    check_size(name, page.size(), shape.page_bytes(i, length));
    check_values(shape, name, page);
  }
}

}  // namespace

Prefix Prefix::load(std::shared_ptr<const Model> model, std::span<const int32_t> tokens,
                    std::span<const Backend::Bytes> pages, Backend::Bytes window) {
  const Config& config = model->config();
  check_fits(config, tokens.size(), config.context);
  check_tokens(config, tokens, 0);
  const int length = static_cast<int>(tokens.size());
  check_parts(model->backend().kv_shape(), length, pages, window);
  auto snapshot = model->backend().load(length, pages, window);
  return {std::move(model), {tokens.begin(), tokens.end()}, std::move(snapshot)};
}

uint64_t Prefix::page_bytes(int index) const {
  const int pages = snapshot_->pages();
  if (index < 0 || index >= pages) {
    throw Error("prefix",
                "there is no page " + std::to_string(index) + " among " + std::to_string(pages),
                "an index below page_count()");
  }
  return snapshot_->page_bytes(index);
}

}  // namespace gptoss
