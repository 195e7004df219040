#include "core/corpus/looping.h"

#include <gtest/gtest.h>

#include <vector>

namespace pass {
namespace {

TEST(IsLooping, SeesAPeriodAndNotALongText) {
  std::vector<TokenId> text, period, half;
  for (int i = 0; i < 128; ++i) {
    text.push_back(i * i % 1009);
    period.push_back(i % 12);
    half.push_back(i < 64 ? i : i % 4);
  }
  EXPECT_FALSE(IsLooping(text));
  EXPECT_TRUE(IsLooping(period));
  EXPECT_TRUE(IsLooping(half)) << "65 of 125 4-grams are distinct";
  EXPECT_FALSE(IsLooping(std::vector<TokenId>{1, 1, 1})) << "too short to say";
}

}  // namespace
}  // namespace pass
