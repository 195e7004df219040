#include "core/sampling/noise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <tuple>
#include <vector>

#include "tests/support/chi_square.h"

namespace pass {
namespace {

using Words = std::array<uint32_t, 4>;

// The known-answer vectors that the authors publish with Random123.
TEST(Philox, GivesThePublishedAnswers) {
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Noise, DiffersInEveryFieldOfItsKey) {
  std::set<uint32_t> seen;
  int drawn = 0;
  const auto add = [&](uint64_t seed, uint32_t choice, int32_t position, int32_t base, Purpose purpose,
                       TokenId token) {
    seen.insert(Noise(seed, choice).Bits(position, base, purpose, token));
    ++drawn;
  };
  add(1, 0, 5, 0, Purpose::kTarget, 7);
  add(2, 0, 5, 0, Purpose::kTarget, 7);
  add(1 + (uint64_t{1} << 32), 0, 5, 0, Purpose::kTarget, 7);
  add(1, 1, 5, 0, Purpose::kTarget, 7);
  add(1, 0, 6, 0, Purpose::kTarget, 7);
  add(1, 0, 5, 1, Purpose::kTarget, 7);
  add(1, 0, 5, 0, Purpose::kDraft, 7);
  add(1, 0, 5, 0, Purpose::kAccept, 7);
  add(1, 0, 5, 0, Purpose::kTarget, 8);
  EXPECT_EQ(seen.size(), static_cast<size_t>(drawn));
}

TEST(Noise, IsTheSameForManyTokensAtOnce) {
  const Noise noise(99, 3);
  std::vector<TokenId> tokens;
  for (TokenId token = 0; token < 1000; ++token) tokens.push_back(token * 37 % 1009);
  std::vector<uint32_t> bits(tokens.size());
  noise.Bits(12, 4, Purpose::kDraft, tokens, bits);
  for (size_t i = 0; i < tokens.size(); ++i)
    EXPECT_EQ(bits[i], noise.Bits(12, 4, Purpose::kDraft, tokens[i]));
}

TEST(Noise, UniformStaysBelowOneAndFillsTheRangeEvenly) {
  const int kBins = 64;
  std::vector<int64_t> counts(kBins);
  for (uint64_t seed = 0; seed < 100'000; ++seed) {
    const double u = Noise(seed, 0).Uniform(3, 1, Purpose::kAccept);
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    ++counts[static_cast<int>(u * kBins)];
  }
  EXPECT_LT(ChiSquareDeviation(counts, std::vector<double>(kBins, 1.0 / kBins)), kChiSquareLimit);
}

TEST(Noise, GumbelIsFiniteAtBothEndsAndGrowsWithTheBits) {
  EXPECT_TRUE(std::isfinite(Noise::GumbelOf(0)));
  EXPECT_TRUE(std::isfinite(Noise::GumbelOf(~0u)));
  EXPECT_LT(Noise::GumbelOf(0), Noise::GumbelOf(1));
  EXPECT_LT(Noise::GumbelOf(~0u - 1), Noise::GumbelOf(~0u));
  // The median of the Gumbel distribution.
  EXPECT_NEAR(Noise::GumbelOf(0x80000000), -std::log(std::log(2.0)), 1e-8);
  EXPECT_EQ(Noise(5, 0).Gumbel(1, 2, Purpose::kDraft, 3),
            Noise::GumbelOf(Noise(5, 0).Bits(1, 2, Purpose::kDraft, 3)));
}

}  // namespace
}  // namespace pass
