// A whole model on the device that is tested (PASS_TEST_DEVICE), beside the same weights on the CPU in fp32.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "tests/core/model/random_model.h"

namespace pass {
namespace {

using ::pass::testing::MakeRandomModel;

constexpr uint64_t kSeed = 9;
constexpr int kPrompt = 37;  // ends within a page, longer than some windows
constexpr testing::RandomLookahead kLookahead = {.count = 3, .rank = 8, .hidden = 48};

struct Case {
  const char* name;
  ModelConfig config;
  ComputeType type;
};

class DeviceModel : public ::testing::TestWithParam<Case> {
 protected:
  static std::unique_ptr<Transformer> OnCpu() {
    return MakeRandomModel(GetParam().config, ComputeType::kFp32, kSeed, kLookahead, /*kv_pages=*/64,
                           WeightType::kComputeType, "cpu");
  }
  static std::unique_ptr<Transformer> OnDevice() {
    return MakeRandomModel(GetParam().config, GetParam().type, kSeed, kLookahead);
  }

  static TokenId Token(int i) { return static_cast<TokenId>((i * 31 + 7) % GetParam().config.vocab_size); }

  // Reads the prompt into a new sequence and commits it.
  static SequenceId Read(Transformer& model) {
    const auto id = model.Open(kPrompt + 20);
    EXPECT_TRUE(id.ok()) << id.status();
    std::vector<Row> rows;
    for (int i = 0; i < kPrompt; ++i) {
      rows.push_back({.sequence = *id, .token = Token(i), .position = i, .parent = i - 1});
    }
    EXPECT_TRUE(model.Forward(rows).ok());
    std::vector<int> all(rows.size());
    std::iota(all.begin(), all.end(), 0);
    EXPECT_TRUE(model.Commit(*id, all).ok());
    return *id;
  }

  // A tree of three tokens with a look-ahead group behind its root, and the beginning of another sequence.
  static std::vector<Row> Tree(SequenceId id, SequenceId other) {
    std::vector<Row> rows = {{.sequence = id, .token = 5, .position = kPrompt},
                             {.sequence = id, .token = 6, .position = kPrompt + 1, .parent = 0},
                             {.sequence = id, .token = 7, .position = kPrompt + 1, .parent = 0}};
    for (int k = 1; k <= kLookahead.count; ++k) {
      rows.push_back({.sequence = id,
                      .lookahead = k,
                      .position = kPrompt + k,
                      .parent = k == 1 ? 0 : static_cast<int>(rows.size()) - 1});
    }
    const int first = static_cast<int>(rows.size());
    for (int i = 0; i < 5; ++i) {
      rows.push_back({.sequence = other,
                      .token = Token(50 + i),
                      .position = i,
                      .parent = i == 0 ? kCommittedPrefix : first + i - 1});
    }
    return rows;
  }

  static at::Tensor TreeLogits(Transformer& model) {
    const SequenceId id = Read(model);
    const auto other = model.Open(20);
    EXPECT_TRUE(other.ok()) << other.status();
    const auto logits = model.ForwardLogits(Tree(id, *other));
    EXPECT_TRUE(logits.ok()) << logits.status();
    return logits.value_or(at::Tensor());
  }
};

TEST_P(DeviceModel, GivesTheLogitsOfTheCpu) {
  const auto reference = OnCpu(), model = OnDevice();
  const at::Tensor expected = TreeLogits(*reference), logits = TreeLogits(*model);
  ASSERT_EQ(logits.sizes(), expected.sizes());
  const double allowed = GetParam().type == ComputeType::kFp32 ? 1e-4 : 0.05;
  for (int64_t row = 0; row < expected.size(0); ++row) {
    const double error = (logits[row] - expected[row]).norm().item<double>();
    EXPECT_LT(error, allowed * expected[row].norm().item<double>()) << "row " << row;
  }
}

TEST_P(DeviceModel, ProposesWhatTheCpuDoes) {
  std::vector<std::vector<Proposal>> proposals;
  const auto reference = OnCpu(), model = OnDevice();
  const SamplingOptions sampling;
  for (Transformer* each : {reference.get(), model.get()}) {
    const SequenceId id = Read(*each);
    const auto other = each->Open(20);
    std::vector<Row> rows = Tree(id, *other);
    rows[3].output = RowOutput::kShortlist;
    rows[3].sampling = &sampling;
    const auto results = each->Forward(rows);
    ASSERT_TRUE(results.ok()) << results.status();
    std::vector<ProposalRequest> requests = {{id, (*results)[3].drafts, 4}, {id, (*results)[3].drafts, 9}};
    for (int step = 0; step < 2; ++step) {  // of the row, then recurrent
      auto proposed = each->Propose(requests);
      ASSERT_TRUE(proposed.ok()) << proposed.status();
      for (size_t i = 0; i < requests.size(); ++i) requests[i] = {id, (*proposed)[i].next, 11};
      proposals.push_back(*std::move(proposed));
    }
  }
  const double allowed = GetParam().type == ComputeType::kFp32 ? 1e-3 : 0.3;
  for (size_t step = 0; step < 2; ++step) {
    for (size_t i = 0; i < 2; ++i) {
      const Proposal &expected = proposals[step][i], &proposal = proposals[2 + step][i];
      ASSERT_FALSE(proposal.ids.empty());
      const auto found = std::ranges::find(expected.ids, proposal.ids.front());
      ASSERT_NE(found, expected.ids.end());
      EXPECT_NEAR(proposal.log_probabilities.front(),
                  expected.log_probabilities[static_cast<size_t>(found - expected.ids.begin())], allowed);
      EXPECT_NEAR(proposal.log_probabilities.front(), expected.log_probabilities.front(), allowed);
    }
  }
}

TEST_P(DeviceModel, GivesARowTheSameBitsAloneAndInABatch) {
  const auto model = OnDevice();
  const SequenceId id = Read(*model);
  const auto other = model->Open(20);
  ASSERT_TRUE(other.ok()) << other.status();
  const std::vector<Row> rows = Tree(id, *other);
  const auto together = model->ForwardLogits(rows);
  const auto alone = model->ForwardLogits(std::span(rows).first(2));
  ASSERT_TRUE(together.ok() && alone.ok()) << together.status() << alone.status();
  EXPECT_TRUE(alone->equal(together->narrow(0, 0, 2)));
}

INSTANTIATE_TEST_SUITE_P(
    , DeviceModel,
    ::testing::Values(Case{"TinyFp32", testing::TinyConfig(), ComputeType::kFp32},
                      Case{"TinyBf16", testing::TinyConfig(), ComputeType::kBf16},
                      Case{"SmolLmFp32", testing::SmolLmWidths(), ComputeType::kFp32},
                      Case{"SmolLmBf16", testing::SmolLmWidths(), ComputeType::kBf16},
                      Case{"SandwichFp32", testing::SandwichConfig(), ComputeType::kFp32},
                      Case{"ScaledFp32", testing::ScaledConfig(), ComputeType::kFp32},
                      Case{"PostNormBf16", testing::PostNormConfig(), ComputeType::kBf16}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace pass
