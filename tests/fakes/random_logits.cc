#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

#include "tests/fakes/table_model.h"

namespace pass {
namespace {

uint64_t Mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15;
  return hash ^ (hash >> 29);
}

// In [-1, 1).
double Centered(uint64_t hash) { return static_cast<double>(Mix(hash, 0x5851F42D) >> 11) * 0x1p-52 - 1.0; }

}  // namespace

LogitsFunction RandomLogits(const RandomLogitsOptions& options) {
  return [options](std::span<const TokenId> context, int lookahead, std::span<float> logits) {
    const size_t index = context.size() + lookahead;  // of the token being predicted
    const uint64_t shared = Mix(Mix(options.seed, 1), index);
    uint64_t own = Mix(Mix(options.seed, 2 + lookahead), index);
    for (size_t i = 0; i < 3 && i < context.size(); ++i) own = Mix(own, context[context.size() - 1 - i]);
    for (size_t token = 0; token < logits.size(); ++token) {
      logits[token] = static_cast<float>(options.shared_scale * Centered(Mix(shared, token)) +
                                         options.context_scale * Centered(Mix(own, token)));
    }
    const uint64_t choice = Mix(own, 77) >> 40;
    if (options.partial_support && choice % 2 == 0) {
      logits[(choice / 2) % logits.size()] = -std::numeric_limits<float>::infinity();
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

}  // namespace pass
