#include "core/model/lookahead/shortlist.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>

#include "core/base/check.h"
#include "core/model/lookahead/score_key.h"

namespace pass {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A score that at least `count` of the scores reach and few others do: the count-th largest of the maxima of interleaved
// columns. -infinity if there are too few scores for that to pay.
float Threshold(std::span<const float> scores, size_t count) {
  const size_t columns = 3 * count;
  if (scores.size() < 2 * columns) return -kInfinity;
  std::vector<float> maxima(scores.begin(), scores.begin() + static_cast<std::ptrdiff_t>(columns));
  size_t row = columns;
  for (; row + columns <= scores.size(); row += columns) {
    for (size_t i = 0; i < columns; ++i)
      maxima[i] = maxima[i] > scores[row + i] ? maxima[i] : scores[row + i];
  }
  const auto nth = maxima.begin() + static_cast<std::ptrdiff_t>(count - 1);
  std::nth_element(maxima.begin(), nth, maxima.end(), std::greater<>());
  return *nth;
}

// Keys of all scores that reach the threshold. `id_of(i)`: the token of scores[i].
template <typename IdOfIndex>
std::vector<uint64_t> Reaching(std::span<const float> scores, float threshold, IdOfIndex id_of) {
  constexpr size_t kStride = 32;
  std::vector<uint64_t> keys;
  keys.reserve(512);
  const auto take = [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      if (scores[i] >= threshold) keys.push_back(KeyOf(scores[i], id_of(i)));
    }
  };
  size_t first = 0;
  for (; first + kStride <= scores.size(); first += kStride) {
    int any = 0;
    for (size_t i = 0; i < kStride; ++i) any |= scores[first + i] >= threshold ? 1 : 0;
    if (any != 0) take(first, first + kStride);
  }
  take(first, scores.size());
  return keys;
}

template <typename IdOfIndex>
Shortlist Best(std::span<const float> scores, size_t count, IdOfIndex id_of) {
  count = std::min(count, scores.size());
  Shortlist best;
  if (count == 0) return best;
  std::vector<uint64_t> keys = Reaching(scores, Threshold(scores, count), id_of);
  const auto end = keys.begin() + static_cast<std::ptrdiff_t>(count);
  if (end != keys.end()) std::nth_element(keys.begin(), end, keys.end(), std::greater<>());
  std::sort(keys.begin(), end, std::greater<>());
  best.ids.reserve(count);
  best.scores.reserve(count);
  for (auto key = keys.begin(); key != end; ++key) {
    best.ids.push_back(TokenOfKey(*key));
    best.scores.push_back(ScoreOfKey(*key));
  }
  return best;
}

}  // namespace

absl::StatusOr<Shortlist> BestTokens(std::span<const float> logits, int count) {
  int bad = 0, finite = 0;
  for (const float logit : logits) {
    bad |= logit < kInfinity ? 0 : 1;
    finite |= logit > -kInfinity ? 1 : 0;
  }
  if (bad != 0) return absl::InternalError("a logit is NaN or infinite");
  if (finite == 0) return absl::InternalError("no logit is finite");
  return Best(logits, static_cast<size_t>(count), [](size_t i) { return static_cast<TokenId>(i); });
}

Shortlist BestTokens(std::span<const TokenId> ids, std::span<const float> scores, int count) {
  PASS_CHECK(ids.size() == scores.size());
  constexpr float kLowest = std::numeric_limits<float>::lowest();
  std::vector<float> numbers(scores.begin(), scores.end());
  for (float& score : numbers) score = score > -kInfinity && score < kInfinity ? score : kLowest;
  return Best(numbers, static_cast<size_t>(count), [&](size_t i) { return ids[i]; });
}

}  // namespace pass
