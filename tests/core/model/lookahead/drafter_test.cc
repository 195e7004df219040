// The head and what is proposed with it, against ATen, on random states; then through a random Llama.
#include "core/model/lookahead/drafter.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <random>
#include <set>

#include "core/model/backend/aten/aten_draft_head.h"
#include "core/model/backend/cpu/cpu_draft_head.h"
#include "tests/core/model/random_model.h"

namespace pass {
namespace {

using ::pass::testing::MakeRandomLookahead;
using ::pass::testing::MakeRandomModel;
using ::pass::testing::SmolLmWidths;
using ::pass::testing::TinyConfig;

constexpr SequenceId kSequence = 1;
constexpr int kShortlist = 24;

struct Case {
  const char* name;
  ModelConfig config;
  at::ScalarType type;
  int64_t hidden;
};

class DrafterOfType : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    at::manual_seed(21);
    const ModelConfig& config = GetParam().config;
    weights_ = *MakeRandomLookahead(config, {.count = 1, .hidden = GetParam().hidden}, /*seed=*/5).head;
    embedding_ = at::randn({config.vocab_size, config.width}).to(GetParam().type);
    lm_head_ = at::randn({config.vocab_size, config.width}).to(GetParam().type);
    states_ = at::randn({9, config.width}).to(GetParam().type);
  }

  double Tolerance() const { return GetParam().type == at::kBFloat16 ? 1.0 / 16 : 1e-3; }
  CpuDraftHead Head() const { return {weights_, embedding_, lm_head_}; }
  Drafter NewDrafter() const {
    return {GetParam().config.vocab_size, kShortlist, std::make_unique<CpuDraftHead>(Head())};
  }

  // In fp32, rounded to the compute type at the end.
  at::Tensor NextState(const at::Tensor& states, std::vector<TokenId> previous) const {
    const AtenDraftHead head(weights_, embedding_.to(at::kFloat), lm_head_.to(at::kFloat));
    return head.Advance(states.to(at::kFloat), previous).to(GetParam().type);
  }

  // Log-probabilities of `ids` for one state.
  std::vector<float> LogProbabilities(const at::Tensor& state, const std::vector<TokenId>& ids) const {
    const at::Tensor index = at::tensor(std::vector<int64_t>(ids.begin(), ids.end()));
    const at::Tensor logits = at::mv(lm_head_.to(at::kFloat).index_select(0, index), state.to(at::kFloat));
    const at::Tensor result = logits.log_softmax(0).contiguous();
    return {result.data_ptr<float>(), result.data_ptr<float>() + result.numel()};
  }

  // Random ids, and any scores: what a row may have left.
  Shortlist RandomShortlist() const {
    const at::Tensor ids = at::randperm(GetParam().config.vocab_size).to(at::kInt);
    Shortlist list;
    list.ids.assign(ids.data_ptr<int32_t>(), ids.data_ptr<int32_t>() + kShortlist);
    for (int i = 0; i < kShortlist; ++i) list.scores.push_back(static_cast<float>(kShortlist - i));
    return list;
  }

  Proposal ProposeOne(Drafter& drafter, DraftHandle handle, TokenId previous) {
    const ProposalRequest request{.sequence = kSequence, .handle = handle, .previous = previous};
    const auto proposals = drafter.Propose(std::span(&request, 1));
    EXPECT_TRUE(proposals.ok()) << proposals.status();
    return proposals.ok() && proposals->size() == 1 ? proposals->front() : Proposal();
  }

  void ExpectLikely(const Proposal& proposal, const at::Tensor& state) {
    const std::vector<float> expected = LogProbabilities(state, proposal.ids);
    ASSERT_EQ(proposal.log_probabilities.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(proposal.log_probabilities[i], expected[i], 2e-3) << "token " << i;
      if (i == 0) continue;
      EXPECT_LE(proposal.log_probabilities[i], proposal.log_probabilities[i - 1]);
    }
  }

  LookaheadHead weights_;
  at::Tensor embedding_, lm_head_, states_;
};

TEST_P(DrafterOfType, AdvancesStatesAsATenDoes) {
  const std::vector<TokenId> previous = {0, 1, 2, 3, 4, 5, 6, 7, 8};
  const at::Tensor next = Head().Advance(states_, previous);
  EXPECT_TRUE(at::allclose(next, NextState(states_, previous), Tolerance(), Tolerance()));
}

TEST_P(DrafterOfType, ScoresTokensAsATenDoes) {
  const CpuDraftHead head = Head();
  const at::Tensor expected = at::linear(states_.to(at::kFloat), lm_head_.to(at::kFloat));
  const std::vector<TokenId> ids = {7, 0, 95, 31, 4};
  std::vector<float> scores(ids.size());
  std::vector<float> frequent(head.frequent_tokens().size());
  head.Score(states_,
             std::vector<DraftHead::ScoreTask>{{.state = 3, .ids = ids, .out = scores, .frequent_out = {}},
                                               {.state = 5, .ids = {}, .out = {}, .frequent_out = frequent}});
  for (size_t i = 0; i < ids.size(); ++i) EXPECT_NEAR(scores[i], expected[3][ids[i]].item<float>(), 1e-3);
  for (size_t i = 0; i < frequent.size(); ++i) {
    EXPECT_NEAR(frequent[i], expected[5][head.frequent_tokens()[i]].item<float>(), 1e-3);
  }
}

TEST_P(DrafterOfType, ScoresTokensInFp32OnEveryBackend) {
  std::vector<TokenId> many;
  for (TokenId id = 0; id < 300; ++id) many.push_back(id % static_cast<TokenId>(lm_head_.size(0)));
  const std::vector<TokenId> one = {2};
  const auto scores_of = [&](const DraftHead& head) {
    const size_t num_frequent = head.frequent_tokens().size();
    std::vector<float> all(many.size() + one.size() + 2 * num_frequent);
    const std::span<float> out = all;
    const std::span<float> frequent = out.subspan(many.size() + one.size());
    head.Score(states_, std::vector<DraftHead::ScoreTask>{
                            {.state = 3, .ids = many, .out = out.first(many.size()), .frequent_out = {}},
                            {.state = 8,
                             .ids = one,
                             .out = out.subspan(many.size(), one.size()),
                             .frequent_out = frequent.first(num_frequent)},
                            {.state = 0, .ids = {}, .out = {}, .frequent_out = frequent.last(num_frequent)}});
    return all;
  };
  const std::vector<float> expected = scores_of(Head());
  const std::vector<float> by_aten = scores_of(AtenDraftHead(weights_, embedding_, lm_head_));
  for (size_t i = 0; i < expected.size(); ++i) ASSERT_NEAR(by_aten[i], expected[i], 1e-3) << i;
}

TEST_P(DrafterOfType, ProposesARowsShortlistInTheHeadsOrder) {
  Drafter drafter = NewDrafter();
  const Shortlist list = RandomShortlist();
  const DraftHandle handle = drafter.Keep(kSequence, list, states_, 4);
  const Proposal proposal = ProposeOne(drafter, handle, 17);
  EXPECT_EQ(std::set<TokenId>(proposal.ids.begin(), proposal.ids.end()),
            std::set<TokenId>(list.ids.begin(), list.ids.end()));
  ExpectLikely(proposal, Head().Advance(states_.narrow(0, 4, 1), std::vector<TokenId>{17})[0]);
  EXPECT_GT(proposal.next, handle);
}

TEST_P(DrafterOfType, ProposesTheBestOfAllCandidatesInARecurrentStep) {
  Drafter drafter = NewDrafter();
  const Shortlist list = RandomShortlist();
  const std::vector<TokenId> recent = {2, 4, 10, 2};
  drafter.Append(kSequence, recent);
  const DraftHandle handle = drafter.Keep(kSequence, list, states_, 0);
  const Proposal first = ProposeOne(drafter, handle, 3);
  const Proposal second = ProposeOne(drafter, first.next, 50);
  const CpuDraftHead head = Head();
  const at::Tensor state =
      head.Advance(head.Advance(states_.narrow(0, 0, 1), std::vector<TokenId>{3}), std::vector<TokenId>{50});
  std::set<TokenId> candidates(head.frequent_tokens().begin(), head.frequent_tokens().end());
  candidates.insert(list.ids.begin(), list.ids.end());
  candidates.insert(recent.begin(), recent.end());
  const std::vector<TokenId> all(candidates.begin(), candidates.end());
  std::vector<float> scores(all.size());
  head.Score(state,
             std::vector<DraftHead::ScoreTask>{{.state = 0, .ids = all, .out = scores, .frequent_out = {}}});
  std::map<TokenId, float> score_of;
  for (size_t i = 0; i < all.size(); ++i) score_of[all[i]] = scores[i];
  std::ranges::sort(scores, std::greater<>());
  ASSERT_EQ(second.ids.size(), static_cast<size_t>(kShortlist));
  // Frequent tokens are scored by another kernel: the same up to rounding.
  for (int i = 0; i < kShortlist; ++i) {
    ASSERT_TRUE(candidates.contains(second.ids[i]));
    EXPECT_NEAR(score_of[second.ids[i]], scores[i], 1e-3) << "token " << i;
  }
  ExpectLikely(second, state[0]);
}

TEST_P(DrafterOfType, GivesARequestTheSameBitsAloneAndInAnyBatch) {
  std::vector<ProposalRequest> requests;
  std::vector<Proposal> alone;
  Drafter drafter = NewDrafter();
  for (SequenceId id = 1; id <= 3; ++id) {
    drafter.Append(id, std::vector<TokenId>{static_cast<TokenId>(id), 40});
    for (int row = 0; row < 3; ++row) {
      const DraftHandle handle = drafter.Keep(id, RandomShortlist(), states_, 3 * (id - 1) + row);
      requests.push_back({.sequence = id, .handle = handle, .previous = static_cast<TokenId>(id * 7 + row)});
      requests.push_back({.sequence = id, .handle = handle, .previous = 11});
      const ProposalRequest first = requests.back();
      const auto proposals = drafter.Propose(std::span(&first, 1));
      ASSERT_TRUE(proposals.ok());
      requests.push_back({.sequence = id, .handle = proposals->front().next, .previous = 60});
      requests.push_back({.sequence = id, .handle = proposals->front().next, .previous = 61});
    }
  }
  for (const ProposalRequest& request : requests) {
    const auto proposals = drafter.Propose(std::span(&request, 1));
    ASSERT_TRUE(proposals.ok());
    alone.push_back(proposals->front());
  }
  std::mt19937_64 random(9);
  std::vector<size_t> order(requests.size());
  std::iota(order.begin(), order.end(), size_t{0});
  for (const size_t count : {requests.size(), size_t{2}, size_t{7}, size_t{20}}) {
    std::ranges::shuffle(order, random);
    std::vector<ProposalRequest> batch;
    for (size_t i = 0; i < count; ++i) batch.push_back(requests[order[i]]);
    const auto proposals = drafter.Propose(batch);
    ASSERT_TRUE(proposals.ok()) << proposals.status();
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ((*proposals)[i].ids, alone[order[i]].ids) << "request " << order[i] << " of " << count;
      EXPECT_EQ((*proposals)[i].log_probabilities, alone[order[i]].log_probabilities);
    }
    // So are the states behind them.
    const size_t some = order.front();
    const ProposalRequest next{requests[some].sequence, proposals->front().next, 5},
        next_alone{requests[some].sequence, alone[some].next, 5};
    EXPECT_EQ(drafter.Propose(std::span(&next, 1))->front().log_probabilities,
              drafter.Propose(std::span(&next_alone, 1))->front().log_probabilities);
  }
}

TEST_P(DrafterOfType, RefusesHandlesThatAreGoneOrOfAnotherSequence) {
  Drafter drafter = NewDrafter();
  const DraftHandle handle = drafter.Keep(kSequence, RandomShortlist(), states_, 0);
  const auto status = [&](ProposalRequest request) {
    return drafter.Propose(std::span(&request, 1)).status();
  };
  const auto vocabulary = static_cast<TokenId>(GetParam().config.vocab_size);
  EXPECT_EQ(status({.sequence = kSequence + 1, .handle = handle}).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(status({.sequence = kSequence, .handle = handle + 9}).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(status({.sequence = kSequence, .handle = handle, .previous = vocabulary}).code(),
            absl::StatusCode::kInternal);
  EXPECT_EQ(status({.sequence = kSequence, .handle = handle, .previous = -1}).code(),
            absl::StatusCode::kInternal);
  EXPECT_TRUE(status({.sequence = kSequence, .handle = handle}).ok());
  drafter.Release(kSequence, handle + 1);
  EXPECT_EQ(status({.sequence = kSequence, .handle = handle}).code(), absl::StatusCode::kInternal);
}

TEST_P(DrafterOfType, KeepsManyDraftsApart) {
  Drafter drafter = NewDrafter();
  std::vector<DraftHandle> handles;
  const Shortlist list = RandomShortlist();
  for (int i = 0; i < 300; ++i) handles.push_back(drafter.Keep(kSequence, list, states_, i % 9));
  for (int i = 0; i < 300; i += 37) {
    EXPECT_EQ(ProposeOne(drafter, handles[i], 1).log_probabilities,
              ProposeOne(drafter, handles[i % 9], 1).log_probabilities);
  }
}

INSTANTIATE_TEST_SUITE_P(, DrafterOfType,
                         ::testing::Values(Case{"TinyBf16", TinyConfig(), at::kBFloat16, 48},
                                           Case{"TinyFp32", TinyConfig(), at::kFloat, 48},
                                           Case{"SmolLmBf16", SmolLmWidths(), at::kBFloat16, 1536},
                                           Case{"SmolLmFp32", SmolLmWidths(), at::kFloat, 200}),
                         [](const auto& test) { return std::string(test.param.name); });

// Through the model: rows to handles to proposals.
class ModelDrafts : public ::testing::Test {
 protected:
  static constexpr SamplingOptions kGreedy{.temperature = 0.0};

  void Make(const testing::RandomLookahead& lookahead, ComputeType type = ComputeType::kBf16) {
    model_ = MakeRandomModel(SmolLmWidths(), type, /*seed=*/3, lookahead);
    id_ = *model_->Open(100);
  }

  // One ordinary row and two look-ahead rows behind it.
  std::vector<Row> Group(SequenceId id, int32_t position) const {
    return {
        {.sequence = id, .token = 9, .position = position, .sampling = &kGreedy, .output = RowOutput::kToken},
        {.sequence = id,
         .lookahead = 1,
         .position = position + 1,
         .parent = 0,
         .sampling = &kGreedy,
         .output = RowOutput::kShortlist},
        {.sequence = id,
         .lookahead = 2,
         .position = position + 2,
         .parent = 1,
         .sampling = &kGreedy,
         .output = RowOutput::kShortlist}};
  }

  std::vector<RowResult> Forward(const std::vector<Row>& rows) {
    auto results = model_->Forward(rows);
    EXPECT_TRUE(results.ok()) << results.status();
    return results.ok() ? *results : std::vector<RowResult>(rows.size());
  }

  absl::StatusOr<Proposal> Propose(SequenceId id, DraftHandle handle, TokenId previous) {
    const ProposalRequest request{.sequence = id, .handle = handle, .previous = previous};
    auto proposals = model_->Propose(std::span(&request, 1));
    if (!proposals.ok()) return proposals.status();
    return proposals->front();
  }

  std::unique_ptr<Transformer> model_;
  SequenceId id_ = 0;
};

TEST_F(ModelDrafts, WithoutAHeadAreTheRowsOwnBestTokens) {
  Make({.count = 2});
  const std::vector<RowResult> results = Forward(Group(id_, 0));
  const at::Tensor logits = *model_->ForwardLogits(Group(id_, 0));
  EXPECT_EQ(results[0].drafts, 0);
  for (int row = 1; row <= 2; ++row) {
    const Proposal proposal = *Propose(id_, results[row].drafts, 4);
    const auto [values, ids] = logits[row].topk(128);
    const at::Tensor expected = values.log_softmax(0);
    ASSERT_EQ(proposal.ids.size(), 128u);
    EXPECT_EQ(proposal.next, 0);
    for (int i = 0; i < 128; ++i) {
      EXPECT_EQ(logits[row][proposal.ids[i]].item<float>(), values[i].item<float>());
      EXPECT_NEAR(proposal.log_probabilities[i], expected[i].item<float>(), 1e-5);
    }
    EXPECT_EQ(Propose(id_, results[row].drafts, 5)->log_probabilities, proposal.log_probabilities);
  }
}

TEST_F(ModelDrafts, OutliveCommitUntilTheyAreReleasedOrTheSequenceCloses) {
  Make({.count = 2, .rank = 4, .hidden = 64});
  const std::vector<RowResult> results = Forward(Group(id_, 0));
  ASSERT_LT(results[1].drafts, results[2].drafts);
  const Proposal before = *Propose(id_, results[1].drafts, 4);
  ASSERT_TRUE(model_->Commit(id_, std::vector<int>{0}).ok());
  const std::vector<RowResult> later = Forward(Group(id_, 1));
  EXPECT_LT(before.next, later[1].drafts);
  const Proposal after = *Propose(id_, results[1].drafts, 4);
  EXPECT_EQ(after.ids, before.ids);
  EXPECT_EQ(after.log_probabilities, before.log_probabilities);
  // The shortlist of a row that was released serves the recurrent step.
  model_->ReleaseDrafts(id_, before.next);
  EXPECT_EQ(Propose(id_, results[2].drafts, 4).status().code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(Propose(id_, before.next, 6).ok());
  EXPECT_TRUE(Propose(id_, later[1].drafts, 6).ok());
  model_->Close(id_);
  EXPECT_EQ(Propose(id_, before.next, 6).status().code(), absl::StatusCode::kInternal);
}

TEST_F(ModelDrafts, AreTheSameBitsAloneAndBesideOtherSequences) {
  for (const ComputeType type : {ComputeType::kBf16, ComputeType::kFp32}) {
    Make({.count = 2, .rank = 4, .hidden = 64}, type);
    const std::vector<RowResult> alone = Forward(Group(id_, 0));
    const SequenceId other = *model_->Open(50);
    std::vector<Row> rows = Group(other, 0);
    for (Row row : Group(id_, 0)) {
      if (row.parent >= 0) row.parent += 3;
      rows.push_back(row);
    }
    const std::vector<RowResult> beside = Forward(rows);
    EXPECT_EQ(beside[3].token, alone[0].token);
    for (int row = 1; row <= 2; ++row) {
      const Proposal a = *Propose(id_, alone[row].drafts, 8), b = *Propose(id_, beside[3 + row].drafts, 8);
      EXPECT_EQ(a.ids, b.ids);
      EXPECT_EQ(a.log_probabilities, b.log_probabilities);
    }
  }
}

TEST_F(ModelDrafts, OfAnOrdinaryRowAreRefused) {
  Make({.count = 2});
  std::vector<Row> rows = Group(id_, 0);
  rows[0].output = RowOutput::kShortlist;
  EXPECT_EQ(model_->Forward(rows).status().code(), absl::StatusCode::kInternal);
}

TEST_F(ModelDrafts, AnAdapterChangesLookaheadRowsAndNoOthers) {
  Make({.count = 2});
  const at::Tensor plain = *model_->ForwardLogits(Group(id_, 0));
  Make({.count = 2, .rank = 8});
  const at::Tensor adapted = *model_->ForwardLogits(Group(id_, 0));
  EXPECT_TRUE(adapted[0].equal(plain[0]));
  EXPECT_FALSE(adapted[1].equal(plain[1]));
  EXPECT_FALSE(adapted[2].equal(plain[2]));
}

}  // namespace
}  // namespace pass
