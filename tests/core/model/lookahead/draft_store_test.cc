#include "core/model/lookahead/draft_store.h"

#include <algorithm>
#include <random>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pass {
namespace {

using testing::ElementsAre;

TEST(DraftStore, GivesAscendingHandlesAndForgetsThoseBelowAMark) {
  DraftStore store;
  const DraftHandle first = store.Add(1, {}), second = store.Add(1, {}),
                    third = store.Add(1, {.recurrent = true});
  EXPECT_LT(0, first);
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  store.Release(1, third);
  EXPECT_EQ(store.Find(1, first), nullptr);
  EXPECT_EQ(store.Find(1, second), nullptr);
  ASSERT_NE(store.Find(1, third), nullptr);
  EXPECT_TRUE(store.Find(1, third)->recurrent);
  store.Release(1, third);
  EXPECT_NE(store.Find(1, third), nullptr);
}

TEST(DraftStore, KeepsTheHandlesOfSequencesApart) {
  DraftStore store;
  const DraftHandle one = store.Add(1, {}), two = store.Add(2, {});
  EXPECT_EQ(store.Find(2, one), nullptr);
  EXPECT_EQ(store.Find(3, one), nullptr);
  store.Release(1, two + 1);
  EXPECT_NE(store.Find(2, two), nullptr);
  store.Close(2);
  EXPECT_EQ(store.Find(2, two), nullptr);
}

TEST(DraftStore, UsesTheSlotsOfForgottenDraftsAgain) {
  DraftStore store;
  for (int i = 0; i < 3; ++i) store.Add(1, {.slot = store.TakeSlot()});
  const DraftHandle other = store.Add(2, {.slot = store.TakeSlot()});
  std::set<int64_t> slots;
  store.Close(1);
  store.Release(2, other + 1);
  for (int i = 0; i < 4; ++i) slots.insert(store.TakeSlot());
  EXPECT_THAT(slots, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(store.TakeSlot(), 4);
}

TEST(DraftStore, KnowsTheDistinctTokensAmongTheLatest) {
  DraftStore store;
  EXPECT_TRUE(store.Recent(1).empty());
  store.Append(1, std::vector<TokenId>{5, 3, 5});
  store.Append(1, std::vector<TokenId>{9});
  EXPECT_THAT(store.Recent(1), ElementsAre(3, 5, 9));
  EXPECT_TRUE(store.Recent(2).empty());
  store.Close(1);
  EXPECT_TRUE(store.Recent(1).empty());
}

TEST(DraftStore, ForgetsTokensThatLeaveTheWindow) {
  constexpr uint64_t kSeed = 8;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  std::mt19937_64 random(kSeed);
  DraftStore store;
  std::vector<TokenId> text;
  for (int i = 0; i < 200; ++i) {
    std::vector<TokenId> tokens(random() % 30 == 0 ? 700 : random() % 5);
    for (TokenId& token : tokens) token = static_cast<TokenId>(random() % 400);
    store.Append(1, tokens);
    text.insert(text.end(), tokens.begin(), tokens.end());
    const auto first =
        text.end() - static_cast<std::ptrdiff_t>(std::min(text.size(), DraftStore::kRecentTokens));
    const std::set<TokenId> expected(first, text.end());
    ASSERT_TRUE(std::ranges::equal(store.Recent(1), expected)) << "after " << text.size() << " tokens";
  }
}

}  // namespace
}  // namespace pass
