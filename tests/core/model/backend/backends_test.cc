// A whole model on ATen's operators, and on those that a GPU runs, beside the same model on the CPU's own kernels; and what a
// forward there never does.
#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/core/model/random_model.h"

namespace pass {
namespace {

using ::pass::testing::MakeRandomModel;

struct Family {
  std::string name;
  ModelConfig config;
};

const std::vector<Family>& Families() {
  static const std::vector<Family> families = {{"Tiny", testing::TinyConfig()},
                                               {"SmolLm", testing::SmolLmWidths()},
                                               {"Sandwich", testing::SandwichConfig()},
                                               {"Scaled", testing::ScaledConfig()},
                                               {"PostNorm", testing::PostNormConfig()}};
  return families;
}

class Backends : public ::testing::TestWithParam<std::tuple<Family, std::string>> {
 protected:
  void SetUp() override {
    cpu_ = Model("cpu");
    other_ = Model(std::get<std::string>(GetParam()));
  }

  std::unique_ptr<Transformer> Model(const std::string& device) const {
    return MakeRandomModel(std::get<Family>(GetParam()).config, ComputeType::kFp32, /*seed=*/71,
                           {.count = 3, .rank = 8, .hidden = 48}, /*kv_pages=*/64, WeightType::kComputeType,
                           device);
  }

  std::unique_ptr<Transformer> cpu_, other_;
};

// A prompt of 37 tokens for one sequence and 5 for another, in one forward.
std::vector<Row> Prompts(SequenceId first, SequenceId second) {
  std::vector<Row> rows;
  for (const auto& [id, count] : {std::pair(first, 37), std::pair(second, 5)}) {
    for (int i = 0; i < count; ++i) {
      rows.push_back({.sequence = id,
                      .token = (i * 29 + static_cast<int>(id)) % 96,
                      .position = i,
                      .parent = i == 0 ? kCommittedPrefix : static_cast<int>(rows.size()) - 1});
    }
  }
  return rows;
}

// A tree with look-ahead rows behind the first sequence, a chain behind the second.
std::vector<Row> Step(SequenceId first, SequenceId second, const SamplingOptions* sampling) {
  const auto row = [&](SequenceId id, TokenId token, int lookahead, int32_t position, int parent) {
    return Row{.sequence = id,
               .token = token,
               .lookahead = lookahead,
               .position = position,
               .parent = parent,
               .sampling = sampling,
               .output = lookahead > 0 ? RowOutput::kShortlist : RowOutput::kToken};
  };
  return {row(first, 3, 0, 37, kCommittedPrefix),
          row(first, 4, 0, 38, 0),
          row(first, 0, 1, 38, 0),
          row(first, 0, 2, 39, 2),
          row(first, 9, 0, 39, 1),
          row(first, 0, 1, 39, 1),
          row(second, 7, 0, 5, kCommittedPrefix),
          row(second, 8, 0, 6, 6)};
}

void ExpectClose(const at::Tensor& actual, const at::Tensor& expected) {
  EXPECT_TRUE(at::allclose(actual, expected, 1e-3, 1e-3))
      << "largest difference " << (actual - expected).abs().max().item<float>();
}

struct Opened {
  SequenceId first, second;
};

Opened Prefill(Transformer& model) {
  const Opened ids{*model.Open(80), *model.Open(40)};
  const std::vector<Row> prompts = Prompts(ids.first, ids.second);
  EXPECT_TRUE(model.Forward(prompts).ok());
  std::vector<int> of_first, of_second;
  for (int i = 0; i < std::ssize(prompts); ++i) (i < 37 ? of_first : of_second).push_back(i);
  EXPECT_TRUE(model.Commit(ids.first, of_first).ok());
  EXPECT_TRUE(model.Commit(ids.second, of_second).ok());
  return ids;
}

TEST_P(Backends, GiveTheSameLogitsForPromptsTreesAndLookaheadRows) {
  const SamplingOptions greedy{.temperature = 0};
  std::vector<at::Tensor> logits;
  for (Transformer* model : {cpu_.get(), other_.get()}) {
    const Opened ids = Prefill(*model);
    logits.push_back(*model->ForwardLogits(Step(ids.first, ids.second, &greedy)));
    ASSERT_TRUE(model->Commit(ids.first, std::vector<int>{0, 1, 4}).ok());
    const Row next{.sequence = ids.first, .token = 11, .position = 40, .parent = kCommittedPrefix};
    logits.push_back(*model->ForwardLogits(std::span(&next, 1)));
  }
  ExpectClose(logits[2], logits[0]);
  ExpectClose(logits[3], logits[1]);
}

TEST_P(Backends, DrawTheSameTokensAndProposeTheSameDrafts) {
  // Of a sequence's rows one is read by its likeliest token, one by its likeliest 40, and one by all.
  const SamplingOptions greedy{.temperature = 0}, filtered{.top_k = 40, .seed = 3}, drawn{.seed = 4};
  std::vector<std::vector<RowResult>> results;
  std::vector<std::vector<Proposal>> proposals;
  for (Transformer* model : {cpu_.get(), other_.get()}) {
    const Opened ids = Prefill(*model);
    std::vector<Row> rows = Step(ids.first, ids.second, &greedy);
    rows[1].sampling = &filtered;
    rows[4].sampling = rows[7].sampling = &drawn;
    results.push_back(*model->Forward(rows));
    std::vector<ProposalRequest> requests = {
        {.sequence = ids.first, .handle = results.back()[2].drafts, .previous = 5},
        {.sequence = ids.first, .handle = results.back()[5].drafts, .previous = 6}};
    proposals.push_back(*model->Propose(requests));
    requests = {{.sequence = ids.first, .handle = proposals.back()[0].next, .previous = 12}};
    proposals.push_back(*model->Propose(requests));
  }
  for (size_t i = 0; i < results[0].size(); ++i) EXPECT_EQ(results[1][i].token, results[0][i].token) << i;
  for (const size_t round : {0, 1}) {
    for (size_t i = 0; i < proposals[round].size(); ++i) {
      const Proposal &by_other = proposals[round + 2][i], &expected = proposals[round][i];
      ASSERT_EQ(by_other.ids.size(), expected.ids.size());
      for (size_t rank = 0; rank < 3; ++rank) {
        EXPECT_EQ(by_other.ids[rank], expected.ids[rank]);
        EXPECT_NEAR(by_other.log_probabilities[rank], expected.log_probabilities[rank], 1e-3);
      }
    }
  }
}

TEST_P(Backends, KeepMoreDraftsThanTheyHaveRoomForAtFirst) {
  const SamplingOptions greedy{.temperature = 0};
  for (Transformer* model : {cpu_.get(), other_.get()}) {
    const Opened ids = Prefill(*model);
    for (int round = 0; round < 40; ++round) {
      const auto results = model->Forward(Step(ids.first, ids.second, &greedy));
      ASSERT_TRUE(results.ok()) << results.status();
      const ProposalRequest request{.sequence = ids.first, .handle = (*results)[2].drafts, .previous = 5};
      const auto proposals = model->Propose(std::vector<ProposalRequest>{request, request});
      ASSERT_TRUE(proposals.ok()) << proposals.status();
    }
  }
}

// Names of operators that wait for the device, because the host reads a value or a shape from it.
const std::set<std::string> kWaiting = {"aten::item",          "aten::_local_scalar_dense",
                                        "aten::nonzero",       "aten::is_nonzero",
                                        "aten::masked_select", "aten::unique",
                                        "aten::equal",         "aten::_unique2",
                                        "aten::unique_dim",    "aten::nonzero_numpy",
                                        "aten::bincount"};
thread_local std::vector<std::string> seen;

std::unique_ptr<at::ObserverContext> See(const at::RecordFunction& function) {
  if (kWaiting.contains(function.name())) seen.emplace_back(function.name());
  return nullptr;
}

std::vector<std::string> WaitingOperatorsOf(const std::function<void()>& run) {
  seen.clear();
  const auto handle = at::addThreadLocalCallback(at::RecordFunctionCallback(See));
  run();
  at::removeCallback(handle);
  return seen;
}

TEST_P(Backends, NeverWaitForTheDeviceInsideAForward) {
  const SamplingOptions greedy{.temperature = 0};
  const Opened ids = Prefill(*other_);
  const std::vector<Row> rows = Step(ids.first, ids.second, &greedy);
  EXPECT_EQ(WaitingOperatorsOf([&] { ASSERT_TRUE(other_->Forward(rows).ok()); }), std::vector<std::string>{});
  EXPECT_EQ(WaitingOperatorsOf([&] {
              ASSERT_TRUE(other_->Commit(ids.first, std::vector<int>{0, 1}).ok());
            }),
            std::vector<std::string>{});
}

TEST(WaitingOperators, AreSeenByTheTestThatForbidsThem) {
  const at::Tensor x = at::ones({3});
  EXPECT_FALSE(WaitingOperatorsOf([&] { (void)x.sum().item<float>(); }).empty());
  EXPECT_FALSE(WaitingOperatorsOf([&] { (void)at::nonzero(x); }).empty());
}

// Commits `count` tokens to a new sequence, a chunk at a time; the logits of the last one.
std::pair<SequenceId, at::Tensor> ReadLongText(Transformer& model, int count) {
  constexpr int kChunk = 150;  // several slices of a GPU, the last one not full
  const SequenceId id = *model.Open(count + 8);
  at::Tensor logits;
  for (int first = 0; first < count; first += kChunk) {
    std::vector<Row> rows;
    std::vector<int> all;
    for (int i = first; i < std::min(first + kChunk, count); ++i) {
      all.push_back(static_cast<int>(rows.size()));
      rows.push_back({.sequence = id,
                      .token = (i * 29 + 11) % 96,
                      .position = i,
                      .parent = i == first ? kCommittedPrefix : all.back() - 1});
    }
    logits = *model.ForwardLogits(rows);
    EXPECT_TRUE(model.Commit(id, all).ok());
  }
  return {id, logits[-1]};
}

ModelConfig Longer(ModelConfig config) {
  config.context_length = 1024;
  return config;
}

TEST(LongTexts, HaveTheSameLogitsWhereKeysAreReadInBlocks) {
  for (const ModelConfig& config : {Longer(testing::TinyConfig()), Longer(testing::SandwichConfig())}) {
    std::vector<at::Tensor> logits;
    for (const char* device : {"cpu", "cuda:mock"}) {
      const auto model = MakeRandomModel(config, ComputeType::kFp32, /*seed=*/71, {}, /*kv_pages=*/64,
                                         WeightType::kComputeType, device);
      logits.push_back(ReadLongText(*model, 700).second);
    }
    ExpectClose(logits[1], logits[0]);
  }
}

TEST(LongTexts, DoNotChangeTheBitsOfShortOnesBesideThem) {
  const auto model = MakeRandomModel(Longer(testing::SandwichConfig()), ComputeType::kBf16, /*seed=*/71, {},
                                     /*kv_pages=*/64, WeightType::kComputeType, "cuda:mock");
  const SequenceId text = ReadLongText(*model, 600).first, brief = ReadLongText(*model, 40).first;
  const std::vector<Row> rows = {{.sequence = text, .token = 5, .position = 600},
                                 {.sequence = brief, .token = 6, .position = 40}};
  const at::Tensor together = *model->ForwardLogits(rows);
  for (size_t i = 0; i < rows.size(); ++i) {
    for (int replay = 0; replay < 2; ++replay) {
      const at::Tensor alone = *model->ForwardLogits(std::span(&rows[i], 1));
      EXPECT_TRUE(alone[0].equal(together[static_cast<int64_t>(i)])) << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, Backends,
                         ::testing::Combine(::testing::ValuesIn(Families()),
                                            ::testing::Values("aten:cpu", "cuda:mock")),
                         [](const auto& test) {
                           const bool aten = std::get<std::string>(test.param) == "aten:cpu";
                           return std::get<Family>(test.param).name + (aten ? "ByAten" : "AsOnCuda");
                         });

}  // namespace
}  // namespace pass
