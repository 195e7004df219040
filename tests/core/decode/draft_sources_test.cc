#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "core/decode/calibration.h"
#include "core/decode/lookahead_source.h"
#include "core/decode/ngram_source.h"
#include "core/decode/successor_source.h"

namespace pass {
namespace {

using ::testing::ElementsAre;

std::vector<TokenId> TokensOf(const std::vector<Draft>& drafts) {
  std::vector<TokenId> tokens;
  for (const Draft& draft : drafts) tokens.push_back(draft.token);
  return tokens;
}

TEST(NgramSource, ContinuesTheLongestRunThatCameBefore) {
  NgramSource source;
  //                                          1 2 3 -> 4          9 2 3 -> 5         1 2 3 ->
  const std::vector<TokenId> text = {1, 2, 3, 4, 0, 9, 2, 3, 5, 0, 1, 2, 3};
  source.Begin({.text = text});
  DraftTree tree;
  tree.Reset(text);
  const std::vector<Draft> drafts = source.Drafts(tree, 0, nullptr);
  EXPECT_THAT(TokensOf(drafts), ElementsAre(4));  // three tokens win over two, of which 5 came last
  // Behind a candidate the run goes on.
  const int four = tree.Add(0, 4, 0.9, Evidence());
  EXPECT_THAT(TokensOf(source.Drafts(tree, four, nullptr)), ElementsAre(0));
  const int eight = tree.Add(0, 8, 0.1, Evidence());
  EXPECT_TRUE(source.Drafts(tree, eight, nullptr).empty());
}

TEST(NgramSource, TrustsLongerAndRepeatedRunsMore) {
  NgramSource source;
  const auto strength = [](const std::vector<TokenId>& text) {
    NgramSource fresh;
    fresh.Begin({.text = text});
    DraftTree tree;
    tree.Reset(text);
    const std::vector<Draft> drafts = fresh.Drafts(tree, 0, nullptr);
    return drafts.empty() ? 0 : int{drafts[0].strength};
  };
  const int two = strength({1, 2, 3, 0, 1, 2});
  const int twice = strength({1, 2, 3, 0, 1, 2, 3, 4, 1, 2});
  const int three = strength({1, 2, 3, 4, 0, 1, 2, 3});
  const int five = strength({1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5});
  EXPECT_GT(two, kWeakest);
  EXPECT_GT(twice, two);
  EXPECT_GT(three, twice);
  EXPECT_GT(five, three);
  EXPECT_LE(five, kMaxStrength);
  EXPECT_EQ(strength({1, 2, 3, 4}), 0);
}

TEST(NgramSource, TakesTheTextInOnce) {
  NgramSource source;
  std::vector<TokenId> text = {1, 2, 3, 1, 2};
  source.Begin({.text = text});
  source.Begin({.text = text});
  DraftTree tree;
  tree.Reset(text);
  const int once = source.Drafts(tree, 0, nullptr)[0].strength;
  NgramSource other;
  other.Begin({.text = text});
  EXPECT_EQ(once, other.Drafts(tree, 0, nullptr)[0].strength);
  text.insert(text.end(), {7, 1, 2});
  source.Begin({.text = text});
  tree.Reset(text);
  EXPECT_THAT(TokensOf(source.Drafts(tree, 0, nullptr)), ElementsAre(7, 3));  // the latest first
}

TEST(SuccessorSource, RemembersTheTwoLatest) {
  SuccessorSource source;
  const std::vector<TokenId> text = {1, 2, 1};
  source.Begin({.text = text});
  DraftTree tree;
  tree.Reset(text);
  EXPECT_THAT(TokensOf(source.Drafts(tree, 0, nullptr)), ElementsAre(2));
  source.Learn(1, 5);
  source.Learn(1, 6);
  const std::vector<Draft> drafts = source.Drafts(tree, 0, nullptr);
  EXPECT_THAT(TokensOf(drafts), ElementsAre(6, 5));
  source.Learn(1, 6);
  EXPECT_GT(source.Drafts(tree, 0, nullptr)[0].strength, drafts[0].strength);
}

TEST(SuccessorSource, HasBoundedMemory) {
  SuccessorSource source;
  for (TokenId token = 0; token < 2 * static_cast<TokenId>(SuccessorSource::kMostTokens); ++token) {
    source.Learn(token, 1);
  }
  const std::vector<TokenId> late = {2 * static_cast<TokenId>(SuccessorSource::kMostTokens) - 1};
  DraftTree tree;
  tree.Reset(late);
  EXPECT_TRUE(source.Drafts(tree, 0, nullptr).empty());
}

TEST(DraftCalibration, LearnsHowOftenASourceIsRight) {
  DraftCalibration calibration;
  const Evidence strong = {9, kSilent, kSilent};
  const Evidence agreed = {9, 6, kSilent};
  for (int i = 0; i < 4000; ++i) {
    calibration.Learn(strong, /*depth=*/1, /*sampled=*/false, i % 10 < 3);
    calibration.Learn(agreed, /*depth=*/1, /*sampled=*/false, i % 10 < 9);
  }
  EXPECT_NEAR(calibration.Probability(strong, 1, false), 0.3, 0.08);
  EXPECT_NEAR(calibration.Probability(agreed, 1, false), 0.9, 0.08);
  // Depths, and greedy and sampled, are apart.
  EXPECT_EQ(calibration.Probability(strong, 2, false), DraftCalibration().Probability(strong, 2, false));
  EXPECT_EQ(calibration.Probability(strong, 1, true), DraftCalibration().Probability(strong, 1, true));
  EXPECT_EQ(calibration.Probability(strong, 9, false), calibration.Probability(strong, 4, false));
}

TEST(DraftCalibration, FollowsATextThatChanges) {
  DraftCalibration calibration;
  const Evidence evidence = {kSilent, 6, kSilent};
  for (int i = 0; i < 2000; ++i) calibration.Learn(evidence, 1, false, true);
  EXPECT_GT(calibration.Probability(evidence, 1, false), 0.95);
  for (int i = 0; i < 200; ++i) calibration.Learn(evidence, 1, false, false);
  EXPECT_LT(calibration.Probability(evidence, 1, false), 0.2);
}

TEST(SuccessorSource, LearnsWhatWasDecodedPlainMeanwhile) {
  SuccessorSource source;
  std::vector<TokenId> text = {1, 2};
  const auto drafts_behind = [&](TokenId token) {
    const std::vector<TokenId> root = {token};
    DraftTree tree;
    tree.Reset(root);
    return TokensOf(source.Drafts(tree, 0, nullptr));
  };
  source.Begin({.text = text});
  source.Learn(2, 3);  // a step's own row
  text.push_back(3);
  source.Keep({.frontier = 2, .groups = {}});
  for (const TokenId plain : {7, 8, 9}) text.push_back(plain);
  source.Begin({.position = 5, .text = text});
  EXPECT_THAT(drafts_behind(3), ElementsAre(7));
  EXPECT_THAT(drafts_behind(8), ElementsAre(9));
  EXPECT_THAT(drafts_behind(2), ElementsAre(3));
}

TEST(LookaheadSource, KnowsThatNoGroupStandsBeforeATokenThatWasDecodedPlain) {
  LookaheadSource source;
  const LookaheadGroup group{.anchor = 4, .rows = {11, 12, 13}};
  source.Keep({.frontier = 5, .groups = {&group, 1}, .next = 20});
  source.Begin({.position = 5});
  EXPECT_EQ(source.fresh_rows(), 3);
  source.Begin({.position = 6});  // after a plain forward
  EXPECT_EQ(source.fresh_rows(), 0);
  EXPECT_EQ(source.oldest_kept(), 11);  // the rows behind are still of use
}

TEST(LookaheadSource, ReleasesNothingYoungerThanItsOldestRow) {
  LookaheadSource source;
  const LookaheadGroup group{.anchor = 4, .rows = {11, 0, 13}};  // the second row gave no drafts
  source.Keep({.frontier = 5, .groups = {&group, 1}});
  EXPECT_EQ(source.oldest_kept(), 11);
}

}  // namespace
}  // namespace pass
