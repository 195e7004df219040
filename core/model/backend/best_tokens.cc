#include "core/model/backend/best_tokens.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "core/model/lookahead/score_key.h"

namespace pass {
namespace {

constexpr int64_t kLow = 0xffffffff;
constexpr int32_t kMagnitude = 0x7fffffff;
// ATen has no unsigned numbers of 64 bits: a key without this bit, read as a signed one, has the same order.
constexpr uint64_t kSign = uint64_t{1} << 63;

// A float's bits as a whole number with the float's order.
at::Tensor Ordered(const at::Tensor& bits) {
  return at::bitwise_xor(bits, at::bitwise_and(at::bitwise_right_shift(bits, 31), kMagnitude));
}

}  // namespace

// KeyOf each score and token, less kSign. All keys of a row differ, so which are the largest does not depend on how a library
// sorts.
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
  for (const int64_t signed_key : keys.first(keys.size() - 1)) {
    const uint64_t key = static_cast<uint64_t>(signed_key) ^ kSign;
    best.ids.push_back(TokenOfKey(key));
    best.scores.push_back(ScoreOfKey(key));
  }
  return best;
}

}  // namespace pass
