#include "core/model/backend/best_tokens.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <tuple>

namespace pass {
namespace {

constexpr int64_t kLow = 0xffffffff;
constexpr int32_t kMagnitude = 0x7fffffff;

// A float's bits as a whole number with the float's order, and back.
at::Tensor Ordered(const at::Tensor& bits) {
  return at::bitwise_xor(bits, at::bitwise_and(at::bitwise_right_shift(bits, 31), kMagnitude));
}
float ScoreOf(int32_t ordered) { return std::bit_cast<float>(ordered < 0 ? ordered ^ kMagnitude : ordered); }

}  // namespace

// A key is larger for the larger score and, of two tokens with the same one, for the lower token. So all keys of a row differ,
// and which are the largest does not depend on how a library sorts.
at::Tensor BestKeys(const at::Tensor& logits, int count, double softcap) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  at::Tensor scores = logits.to(at::kFloat);
  if (softcap > 0) scores = at::mul(at::tanh(at::div(scores, softcap)), softcap);
  scores = at::add(scores, 0.0);  // makes the two zeros one
  const int64_t vocab = scores.size(1);
  const at::Tensor tokens = at::arange(vocab, scores.options().dtype(at::kLong));
  const at::Tensor keys = at::add(at::bitwise_left_shift(Ordered(scores.view(at::kInt)).to(at::kLong), 32),
                                  at::rsub(tokens, kLow));
  const at::Tensor best = std::get<0>(at::topk(keys, std::min<int64_t>(count, vocab)));
  const at::Tensor numbers =
      at::logical_and(at::all(at::lt(scores, kInfinity), 1), at::any(at::gt(scores, -kInfinity), 1));
  return at::cat({best, numbers.to(at::kLong).unsqueeze(1)}, 1);
}

absl::StatusOr<Shortlist> BestOfKeys(std::span<const int64_t> keys) {
  if (keys.back() == 0) return absl::InternalError("a logit is NaN or infinite, or no logit is finite");
  Shortlist best;
  for (const int64_t key : keys.first(keys.size() - 1)) {
    best.ids.push_back(static_cast<TokenId>(kLow - (key & kLow)));
    best.scores.push_back(ScoreOf(static_cast<int32_t>(key >> 32)));
  }
  return best;
}

}  // namespace pass
