#include "runtime/prefix.h"

#include "model/error.h"
#include "runtime/tokens.h"

namespace gptoss {

Prefix Prefix::load(std::shared_ptr<const Model> model, std::span<const int32_t> tokens,
                    std::span<const Backend::Bytes> pages, Backend::Bytes window) {
  const Config& config = model->config();
  check_fits(config, tokens.size(), config.context);
  check_tokens(config, tokens, 0);
  auto snapshot = model->backend().load(static_cast<int>(tokens.size()), pages, window);
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
