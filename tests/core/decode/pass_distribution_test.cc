// The heart of the promise: what `pass` samples is distributed as the model says. Every sequence of a small
// model is enumerated, and decoding with many seeds must hit each as often as its probability says. The same
// test must refuse decoders with one mistake each.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/decode/accept.h"
#include "core/decode/pass.h"
#include "core/sampling/filters.h"
#include "tests/core/decode/broken_pass.h"
#include "tests/core/decode/decode_loop.h"
#include "tests/core/decode/joint_distribution.h"
#include "tests/fakes/table_model.h"
#include "tests/support/chi_square.h"

namespace pass {
namespace {

constexpr uint64_t kSeedBase = kJointSeedBase;
constexpr TokenId kPrompt[] = {1};

// p unlike q at nearly every context.
JointCase MainCase() {
  return {.name = "no filters",
          .vocab_size = 4,
          .lookahead = 3,
          .num_tokens = 6,
          .logits = {.seed = 11, .shared_scale = 0.5, .context_scale = 2.0, .partial_support = false},
          .sampling = {}};
}

// q on three or two of four tokens, likelier and less likely than p, and another one behind another token.
JointCase HeadCase() {
  JointCase test = MainCase();
  test.name = "head";
  test.agreement = 0.5;
  return test;
}

JointCase FilteredHeadCase() {
  return {.name = "head, temperature, top_k, top_p and min_p",
          .vocab_size = 5,
          .lookahead = 2,
          .num_tokens = 5,
          .logits = {.seed = 14, .shared_scale = 1.0, .context_scale = 1.5, .partial_support = true},
          .sampling = {.temperature = 0.8, .top_k = 3, .top_p = 0.8, .min_p = 0.1},
          .agreement = 0.4,
          .shortlist_size = 4};
}

std::unique_ptr<Decoder> Product(int lookahead, const ModelInfo& model) {
  return std::make_unique<PassDecoder>(lookahead, model);
}

class PassDistribution : public testing::TestWithParam<JointCase> {};

TEST_P(PassDistribution, IsTheModelsOwnJointDistribution) {
  RecordProperty("seed_base", std::to_string(kSeedBase));
  const double deviation = JointDeviation(GetParam(), Product);
  std::printf("%s: %.2f standard deviations, seeds from %llu\n", GetParam().name.c_str(), deviation,
              static_cast<unsigned long long>(kSeedBase));
  EXPECT_LT(deviation, kChiSquareLimit);
}

INSTANTIATE_TEST_SUITE_P(
    SmallModels, PassDistribution,
    testing::Values(
        MainCase(),
        JointCase{.name = "p and q on part of the vocabulary",
                  .vocab_size = 4,
                  .lookahead = 2,
                  .num_tokens = 5,
                  .logits = {.seed = 12, .shared_scale = 1.5, .context_scale = 1.5, .partial_support = true},
                  .sampling = {}},
        JointCase{.name = "temperature, top_k, top_p and min_p",
                  .vocab_size = 4,
                  .lookahead = 3,
                  .num_tokens = 6,
                  .logits = {.seed = 13, .shared_scale = 1.0, .context_scale = 1.5, .partial_support = true},
                  .sampling = {.temperature = 0.8, .top_k = 3, .top_p = 0.9, .min_p = 0.1}},
        HeadCase(), FilteredHeadCase(),
        JointCase{.name = "head that is the target, on two tokens",
                  .vocab_size = 4,
                  .lookahead = 2,
                  .num_tokens = 5,
                  .logits = {.seed = 15, .shared_scale = 1.0, .context_scale = 1.5, .partial_support = true},
                  .sampling = {},
                  .agreement = 1.0,
                  .shortlist_size = 2}),
    [](const auto& test) { return std::to_string(test.index); });

// ---- One mistake each, and the same test.

struct NamedMistake {
  const char* name;
  Mistake mistake;
  JointCase (*test)() = MainCase;
};

class MistakeIsNoticed : public testing::TestWithParam<NamedMistake> {};

TEST_P(MistakeIsNoticed, ByTheJointDistribution) {
  EXPECT_GT(JointDeviation(GetParam().test(),
                           [](int lookahead, const ModelInfo& model) {
                             return std::make_unique<BrokenPass>(lookahead, model, GetParam().mistake);
                           }),
            kChiSquareLimit);
}

INSTANTIATE_TEST_SUITE_P(
    Decoder, MistakeIsNoticed,
    testing::Values(NamedMistake{"BonusFromWrongRow", Mistake::kBonusFromWrongRow},
                    NamedMistake{"BonusReusesFirstTokensKey", Mistake::kBonusReusesFirstTokensKey},
                    NamedMistake{"StaleKeyAfterRejection", Mistake::kStaleKeyAfterRejection},
                    NamedMistake{"CommitsTheRejectedDraft", Mistake::kCommitsTheRejectedDraft},
                    NamedMistake{"DraftAndAcceptanceShareNoise", Mistake::kDraftAndAcceptanceShareNoise},
                    NamedMistake{"DraftAndResidualShareNoise", Mistake::kDraftAndResidualShareNoise},
                    NamedMistake{"DraftNoiseIsReusedByEveryRound", Mistake::kDraftNoiseIsReusedByEveryRound},
                    NamedMistake{"RatioAtAnotherTemperature", Mistake::kRatioAtAnotherTemperature},
                    NamedMistake{"QNotNormalisedOverTheShortlist", Mistake::kQNotNormalisedOverTheShortlist,
                                 HeadCase},
                    NamedMistake{"QBehindAnotherToken", Mistake::kQBehindAnotherToken, HeadCase},
                    NamedMistake{"QBeforeTheFilters", Mistake::kQBeforeTheFilters, FilteredHeadCase}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(BrokenPass, WithoutAMistakeIsThePassDecoder) {
  for (const JointCase& test : {MainCase(), HeadCase(), FilteredHeadCase()}) {
    TableModel model = JointModel(test);
    for (uint64_t seed = 0; seed < 2000; ++seed) {
      SamplingOptions sampling = test.sampling;
      sampling.seed = seed;
      BrokenPass control(test.lookahead, model.info(), Mistake::kNone);
      PassDecoder product(test.lookahead, model.info());
      ASSERT_EQ(Decode(model, control, sampling, kPrompt, 20).tokens,
                Decode(model, product, sampling, kPrompt, 20).tokens);
    }
  }
}

// ---- Wrong rules for the product's own decoder.

Distribution Normalised(Distribution weights) {
  double sum = 0;
  for (float weight : weights.probabilities) sum += weight;
  for (float& weight : weights.probabilities) weight = static_cast<float>(weight / sum);
  return weights;
}

// Tokens where `weight(p, q)` is above 0, normalised; `otherwise` if there are none.
Distribution Weighted(const Distribution& p, const Distribution& q, float (*weight)(float p, float q),
                      const Distribution& otherwise) {
  Distribution result;
  for (TokenId id = 0; id <= std::max(p.ids.back(), q.ids.back()); ++id) {
    const float w = weight(p.ProbabilityOf(id), q.ProbabilityOf(id));
    if (w <= 0) continue;
    result.ids.push_back(id);
    result.probabilities.push_back(w);
  }
  return result.empty() ? otherwise : Normalised(std::move(result));
}

bool InvertedRatio(double u, double p, double q) { return u * p < q; }
bool AlwaysAccept(double, double, double) { return true; }
bool NeverAccept(double, double, double) { return false; }
bool IgnoresQ(double u, double p, double) { return u < p; }

Distribution ResidualOfQ(const Distribution& p, const Distribution& q) {
  return Weighted(
      p, q, [](float a, float b) { return b - a; }, p);
}
Distribution ResidualIsP(const Distribution& p, const Distribution&) { return p; }
Distribution ResidualOnTheSupportOfQ(const Distribution& p, const Distribution& q) {
  return Weighted(
      p, q, [](float a, float b) { return b > 0 ? a - b : 0; }, p);
}
// An inverse-transform draw from weights that do not sum to 1 falls through to the last token.
Distribution ResidualNotNormalised(const Distribution& p, const Distribution& q) {
  Distribution residual = Residual(p, q);
  float sum = 0;
  for (TokenId id : residual.ids) sum += std::max(0.0f, p.ProbabilityOf(id) - q.ProbabilityOf(id));
  for (float& probability : residual.probabilities) probability *= sum;
  if (residual.ids.back() == p.ids.back()) {
    residual.probabilities.back() += 1 - sum;
  } else {
    residual.ids.push_back(p.ids.back());
    residual.probabilities.push_back(1 - sum);
  }
  return residual;
}

struct WrongRule {
  const char* name;
  AcceptanceRule rule;
};

class WrongRuleIsNoticed : public testing::TestWithParam<WrongRule> {};

// q leaves tokens out that p has, and the other way round: without that a residual on q's support is no
// mistake.
JointCase PartialSupportCase() {
  JointCase test = MainCase();
  test.logits.partial_support = true;
  return test;
}

double DeviationUnder(const AcceptanceRule& rule) {
  return JointDeviation(PartialSupportCase(), [&](int lookahead, const ModelInfo& model) {
    return std::make_unique<PassDecoder>(lookahead, model, rule);
  });
}

TEST_P(WrongRuleIsNoticed, ByTheJointDistribution) {
  EXPECT_GT(DeviationUnder(GetParam().rule), kChiSquareLimit);
}

INSTANTIATE_TEST_SUITE_P(
    Rule, WrongRuleIsNoticed,
    testing::Values(WrongRule{"InvertedRatio", {.accept = InvertedRatio}},
                    WrongRule{"AlwaysAccept", {.accept = AlwaysAccept}},
                    WrongRule{"NeverAccept", {.accept = NeverAccept}},
                    WrongRule{"IgnoresQ", {.accept = IgnoresQ}},
                    WrongRule{"ResidualOfQ", {.residual = ResidualOfQ}},
                    WrongRule{"ResidualIsP", {.residual = ResidualIsP}},
                    WrongRule{"ResidualOnTheSupportOfQ", {.residual = ResidualOnTheSupportOfQ}},
                    WrongRule{"ResidualNotNormalised", {.residual = ResidualNotNormalised}}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(AcceptanceRule, PassesWhereTheWrongRulesFail) { EXPECT_LT(DeviationUnder({}), kChiSquareLimit); }

}  // namespace
}  // namespace pass
