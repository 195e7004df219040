// The kernels of drafts of every instruction set that this CPU can run, against the plain formulation in double.
#include "core/kernels/draft_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "tests/core/kernels/numbers.h"

namespace pass::kernels {
namespace {

constexpr unsigned kSeed = 29;

class DraftKernels : public ::testing::TestWithParam<Isa> {
 protected:
  std::mt19937 random_{kSeed};
};

struct Packed {
  Packed(const std::vector<Bf16>& weight, int64_t out, int64_t in)
      : matrix{.data = nullptr, .out = out, .in = in} {
    elements.resize(matrix.elements());
    PackPairs(weight.data(), matrix, elements.data());
    matrix.data = elements.data();
  }

  PairMatrix matrix;
  std::vector<Bf16> elements;
};

// y += (x a^T) b^T for all rows but the first.
template <typename T>
void ExpectLowRank(Isa isa, std::mt19937& random) {
  constexpr int64_t kIn = 37, kRank = 11, kOut = 40, kRows = 8;
  const std::vector<Bf16> a = Random<Bf16>(kRank * kIn, random), b = Random<Bf16>(kOut * kRank, random);
  const Packed packed_a(a, kRank, kIn), packed_b(b, kOut, kRank);
  const std::vector<T> x = Random<T>(kRows * kIn, random), before = Random<T>(kRows * kOut, random);
  std::vector<int64_t> rows(kRows - 1);
  std::iota(rows.begin(), rows.end(), 1);
  std::vector<float> scratch(LowRankScratchFloats(packed_a.matrix, kRows));
  const auto add = [&](const int64_t* which, int64_t count, std::vector<T>& y) {
    DraftTableOf<T>(isa).add_low_rank({.a = packed_a.matrix,
                                       .b = packed_b.matrix,
                                       .rows = which,
                                       .num_rows = count,
                                       .x = x.data(),
                                       .y = y.data()},
                                      0, packed_b.matrix.blocks(), scratch.data());
  };
  std::vector<T> together = before, alone = before;
  add(rows.data(), std::ssize(rows), together);
  for (const int64_t& row : rows) add(&row, 1, alone);
  ASSERT_EQ(std::memcmp(together.data(), alone.data(), alone.size() * sizeof(T)), 0);
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t o = 0; o < kOut; ++o) {
      double sum = 0, size = 0;
      for (int64_t r = 0; row > 0 && r < kRank; ++r) {
        double inner = 0;
        for (int64_t i = 0; i < kIn; ++i) inner += double{Wide(x[row * kIn + i])} * Wide(a[r * kIn + i]);
        sum += inner * Wide(b[o * kRank + r]);
        size += std::abs(inner * Wide(b[o * kRank + r]));
      }
      ASSERT_NEAR(Wide(together[row * kOut + o]), Wide(before[row * kOut + o]) + sum,
                  (sizeof(T) == sizeof(float) ? 1e-5 : 1e-2) * (size + 1))
          << "seed " << kSeed << ", output " << o << " of row " << row;
    }
  }
}

TEST_P(DraftKernels, AddAProductOfLowRankInBf16) { ExpectLowRank<Bf16>(GetParam(), random_); }
TEST_P(DraftKernels, AddAProductOfLowRankInFp32) { ExpectLowRank<float>(GetParam(), random_); }

TEST_P(DraftKernels, ScoreTheRowsOfATable) {
  for (const int64_t width : {1, 16, 50, 130}) {
    const std::vector<Bf16> table = Random<Bf16>(10 * width, random_);
    const std::vector<float> state = Random<float>(width, random_);
    const std::vector<int32_t> ids = {9, 0, 3, 3};
    std::vector<float> scores(ids.size());
    DraftTableOf<Bf16>(GetParam())
        .gather_dots(table.data(), width, ids.data(), std::ssize(ids), state.data(), scores.data());
    for (size_t i = 0; i < ids.size(); ++i) {
      double expected = 0;
      for (int64_t d = 0; d < width; ++d) expected += double{state[d]} * Wide(table[ids[i] * width + d]);
      EXPECT_NEAR(scores[i], expected, 1e-4) << "seed " << kSeed << ", width " << width;
    }
  }
}

TEST_P(DraftKernels, TakeNumbersThatAreNoneForTheLowestInASoftmax) {
  for (const int64_t count : {1, 15, 16, 100}) {
    std::vector<float> x = Random<float>(count, random_);
    if (count > 3)
      x[1] = std::numeric_limits<float>::quiet_NaN(), x[3] = std::numeric_limits<float>::infinity();
    double total = 0;
    for (const float value : x) total += std::isfinite(value) ? std::exp(double{value}) : 0;
    std::vector<float> softmax = x;
    DraftTableOf<float>(GetParam()).log_softmax(softmax.data(), count);
    for (int64_t i = 0; i < count; ++i) {
      if (std::isfinite(x[i])) {
        EXPECT_NEAR(softmax[i], x[i] - std::log(total), 1e-5)
            << "seed " << kSeed << ", " << count << " numbers";
      } else {
        EXPECT_LT(softmax[i], -1e30f);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, DraftKernels, ::testing::ValuesIn(RunnableIsas().begin(), RunnableIsas().end()),
                         [](const auto& test) { return std::string(IsaName(test.param)); });

}  // namespace
}  // namespace pass::kernels
