#include "core/sampling/draw.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "core/base/check.h"
#include "core/sampling/filters.h"

namespace pass {

// The token with the largest log(p) + Gumbel has the smallest E / p with E = -log(u). Because E >= 1 - u, a
// token whose 1 - u exceeds p * E_best / p_best has lost, which costs no logarithm; the few others are
// compared exactly. Starting with the likeliest token makes that bound sharp from the first one on.
TokenId Draw(const Distribution& distribution, const Noise& noise, int32_t position, int32_t base,
             Purpose purpose) {
  const std::span<const TokenId> ids = distribution.ids;
  const std::span<const float> probabilities = distribution.probabilities;
  PASS_CHECK(!ids.empty() && ids.size() == probabilities.size());
  if (ids.size() == 1) return ids[0];

  const size_t likeliest =
      std::max_element(probabilities.begin(), probabilities.end()) - probabilities.begin();
  const auto score = [&](size_t i, uint32_t bits) {
    return std::log(double{probabilities[i]}) + Noise::GumbelOf(bits);
  };
  size_t best = likeliest;
  double best_score = score(best, noise.Bits(position, base, purpose, ids[best]));
  // E_best / p_best in units of 2^-32, with room for the rounding of the exponential and the logarithms.
  constexpr double kTwoTo32 = 4294967296.0;
  const auto losing_ratio = [](double s) { return std::exp(-s) * kTwoTo32 * (1.0 + 1e-9); };
  double bound = losing_ratio(best_score);

  constexpr size_t kBlock = 256;
  std::array<uint32_t, kBlock> bits;
  for (size_t start = 0; start < ids.size(); start += kBlock) {
    const size_t count = std::min(kBlock, ids.size() - start);
    noise.Bits(position, base, purpose, ids.subspan(start, count), std::span(bits).first(count));
    for (size_t j = 0; j < count; ++j) {
      const size_t i = start + j;
      const double one_minus_u = kTwoTo32 - 0.5 - bits[j];
      if (one_minus_u > probabilities[i] * bound) continue;
      const double s = score(i, bits[j]);
      if (s > best_score || (s == best_score && i < best)) {
        best = i;
        best_score = s;
        bound = losing_ratio(s);
      }
    }
  }
  return ids[best];
}

namespace {

absl::StatusOr<TokenId> DrawTargetFrom(const absl::StatusOr<Distribution>& distribution,
                                       const SamplingOptions& options, int32_t position) {
  if (!distribution.ok()) return distribution.status();
  return Draw(*distribution, Noise(options.seed, options.choice), position, /*base=*/0, Purpose::kTarget);
}

}  // namespace

absl::StatusOr<TokenId> DrawTarget(std::span<const float> logits, const SamplingOptions& options,
                                   int32_t position) {
  if (options.greedy()) return Argmax(logits);
  return DrawTargetFrom(Filter(logits, options), options, position);
}

absl::StatusOr<TokenId> DrawTarget(std::span<const TokenId> ids, std::span<const float> logits,
                                   const SamplingOptions& options, int32_t position) {
  return DrawTargetFrom(Filter(ids, logits, options), options, position);
}

}  // namespace pass
