// Prefixes shared by threads: one session goes on and makes checkpoints while others restore an
// early one, are cut back into its pages, write other tokens there, and decode together. Each must
// compute what it computes alone. Built with the compiler's sanitizers; prints "same", or what
// differs.
#include <algorithm>
#include <cstdio>
#include <thread>
#include <vector>

#include "runtime/session.h"

namespace {

using namespace gptoss;

constexpr int kSplit = 290;  // in the second page
constexpr int kChunk = 32;

std::vector<int32_t> tokens(int count, int seed) {
  std::vector<int32_t> result;
  for (int i = 0; i < count; ++i) result.push_back((i * 7 + seed * 31 + i * i % 13) % 128);
  return result;
}

std::vector<float> logits(const Session& session) {
  return {session.logits().begin(), session.logits().end()};
}

void decode(Session& session, const std::vector<int32_t>& added) {
  for (const int32_t& token : added) {
    const Session::Work work{&session, {&token, 1}};
    Session::advance({&work, 1});
  }
}

// Goes on from the prefix, then from a place inside its last page.
std::vector<float> branch(Session& session, const Prefix& prefix, int seed) {
  session.restore(prefix);
  decode(session, tokens(20, seed));
  std::vector<float> result = logits(session);
  session.rewind(kSplit - 1);
  decode(session, tokens(20, seed + 1));
  const std::vector<float> more = logits(session);
  result.insert(result.end(), more.begin(), more.end());
  return result;
}

// Goes on from the prefix in several sessions, a token each in turns.
std::vector<std::vector<float>> in_turns(const std::shared_ptr<const Model>& model,
                                         const Prefix& prefix, int sessions) {
  std::vector<std::unique_ptr<Session>> all;
  for (int i = 0; i < sessions; ++i) {
    all.push_back(std::make_unique<Session>(model, 0, kChunk));
    all.back()->restore(prefix);
  }
  for (size_t place = 0; place < 20; ++place) {
    for (int i = 0; i < sessions; ++i) {
      decode(*all[static_cast<size_t>(i)], {tokens(20, i + 1)[place]});
    }
  }
  std::vector<std::vector<float>> result;
  for (const auto& session : all) result.push_back(logits(*session));
  return result;
}

std::vector<std::vector<std::byte>> pages(const Prefix& prefix) {
  std::vector<std::vector<std::byte>> result;
  for (int i = 0; i < prefix.snapshot().pages(); ++i) {
    result.emplace_back(prefix.page_bytes(i));
    prefix.read_page(i, result.back().data());
  }
  return result;
}

}  // namespace

int main(int, char** arguments) {
  const auto model = std::make_shared<const Model>(arguments[1], ModelOptions{.threads = 2});
  Session walker(model, 0, kChunk);
  walker.sync(tokens(kSplit, 0));
  const Prefix prefix = walker.checkpoint();
  const auto before = pages(prefix);

  std::vector<std::vector<float>> alone;
  for (int seed = 1; seed <= 3; ++seed) {
    Session session(model, 0, kChunk);
    alone.push_back(branch(session, prefix, seed));
  }
  // One after another is how each is computed alone; what is in the page of the prefix stays.
  bool same = true;
  const auto turns = in_turns(model, prefix, 3);
  for (size_t i = 0; i < turns.size(); ++i) {
    same = same && std::equal(turns[i].begin(), turns[i].end(), alone[i].begin());
  }
  Session cut(model, 0, kChunk);
  cut.sync(tokens(kSplit, 0));
  const Prefix own = cut.checkpoint();
  cut.rewind(kSplit - 20);
  decode(cut, tokens(20, 9));
  same = same && pages(own) == before;
  std::vector<std::vector<float>> together(3);
  std::vector<std::thread> threads;
  for (int seed = 1; seed <= 3; ++seed) {
    threads.emplace_back([&, seed] {
      Session session(model, 0, kChunk);
      for (int i = 0; i < 3; ++i) {
        together[static_cast<size_t>(seed - 1)] = branch(session, prefix, seed);
      }
    });
  }
  for (int i = 0; i < 40; ++i) {
    decode(walker, tokens(1, i));
    const Prefix later = walker.checkpoint();
    same = same && later.length() == kSplit + i + 1;
  }
  for (std::thread& thread : threads) thread.join();
  same = same && together == alone && pages(prefix) == before;
  std::puts(same ? "same" : "different");
  return same ? 0 : 1;
}
