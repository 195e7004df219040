#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include "tests/fakes/table_model.h"

namespace pass {
namespace {

uint64_t Mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15;
  return hash ^ (hash >> 29);
}

constexpr int kHead = 1'000;  // in place of a look-ahead token's number

// In [-1, 1).
double Centered(uint64_t hash) { return static_cast<double>(Mix(hash, 0x5851F42D) >> 11) * 0x1p-52 - 1.0; }

// Of the last three tokens before `index`, and of who looks at them.
uint64_t OwnHash(const RandomLogitsOptions& options, size_t index, int lookahead,
                 std::span<const TokenId> context) {
  uint64_t own = Mix(Mix(options.seed, 2 + lookahead), index);
  for (size_t i = 0; i < 3 && i < context.size(); ++i) own = Mix(own, context[context.size() - 1 - i]);
  return own;
}

void Fill(const RandomLogitsOptions& options, size_t index, uint64_t own, std::span<float> logits) {
  const uint64_t shared = Mix(Mix(options.seed, 1), index);
  for (size_t token = 0; token < logits.size(); ++token) {
    logits[token] = static_cast<float>(options.shared_scale * Centered(Mix(shared, token)) +
                                       options.context_scale * Centered(Mix(own, token)));
  }
  const uint64_t choice = Mix(own, 77) >> 40;
  if (options.partial_support && choice % 2 == 0) {
    logits[(choice / 2) % logits.size()] = -std::numeric_limits<float>::infinity();
  }
}

}  // namespace

LogitsFunction RandomLogits(const RandomLogitsOptions& options) {
  return [options](std::span<const TokenId> context, int lookahead, std::span<float> logits) {
    const size_t index = context.size() + lookahead;  // of the token being predicted
    Fill(options, index, OwnHash(options, index, lookahead, context), logits);
  };
}

DraftFunction RandomDrafts(const RandomLogitsOptions& options, double agreement) {
  return [options, agreement](std::span<const TokenId> context, int lookahead, std::span<const TokenId> path,
                              std::span<float> logits) {
    const size_t index = context.size() + lookahead - 1 + path.size();
    // What the head knows of the text before the index: behind [LA]_1 all of it.
    std::vector<TokenId> known;
    if (lookahead == 1) known.assign(context.begin(), context.end());
    known.insert(known.end(), path.begin(), path.end());
    RandomLogitsOptions target = options;
    target.partial_support &= agreement == 1.0;  // else the head's own opinion excludes tokens, one at most
    Fill(target, index, OwnHash(options, index, /*lookahead=*/0, known), logits);
    if (agreement == 1.0) return;
    std::vector<float> other(logits.size());
    Fill(options, index, OwnHash(options, index, kHead, known), other);
    const float share = static_cast<float>(agreement);
    for (size_t token = 0; token < logits.size(); ++token) {
      logits[token] = share * logits[token] + (1 - share) * other[token];
    }
  };
}

LogitsFunction ScriptedLogits(std::vector<TokenId> script) {
  return
      [script = std::move(script)](std::span<const TokenId> context, int lookahead, std::span<float> logits) {
        const size_t index = context.size() + lookahead;
        for (float& logit : logits) logit = 0.0f;
        logits[index < script.size() ? script[index] : script.back()] = 40.0f;
      };
}

DraftFunction ScriptedDrafts(std::vector<TokenId> script) {
  return [script = std::move(script)](std::span<const TokenId> context, int lookahead,
                                      std::span<const TokenId> path, std::span<float> logits) {
    const auto expected = [&](size_t index) { return index < script.size() ? script[index] : script.back(); };
    const size_t first = context.size() + lookahead - 1;  // the index of the path's first token
    bool on_script = true;
    for (size_t i = 0; i < path.size(); ++i) on_script &= path[i] == expected(first + i);
    for (float& logit : logits) logit = 0.0f;
    logits[on_script ? expected(first + path.size()) : 0] = 40.0f;
  };
}

}  // namespace pass
