// A row's logits are the same bits alone and in any batch, in chunked prefill of any chunk size, as a draft row and as a
// committed one, behind committed tokens and behind ancestors of the same forward, beside look-ahead rows and without.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/core/model/random_model.h"

namespace pass {
namespace {

using ::pass::testing::MakeRandomModel;
using ::pass::testing::PostNormConfig;
using ::pass::testing::RandomLookahead;
using ::pass::testing::SandwichConfig;
using ::pass::testing::ScaledConfig;
using ::pass::testing::SmolLmWidths;
using ::pass::testing::TinyConfig;

struct Case {
  const char* name;
  ModelConfig config;
  ComputeType type;
  RandomLookahead lookahead;
  WeightType weights = WeightType::kComputeType;
};

class RowInvariance : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    model_ = MakeRandomModel(GetParam().config, GetParam().type, /*seed=*/7, GetParam().lookahead,
                             /*kv_pages=*/256, GetParam().weights);
  }

  SequenceId Open() {
    const auto id = model_->Open(200);
    EXPECT_TRUE(id.ok()) << id.status();
    return *id;
  }

  std::vector<TokenId> RandomTokens(int count) {
    std::vector<TokenId> tokens(count);
    for (TokenId& token : tokens) token = static_cast<TokenId>(generator_() % GetParam().config.vocab_size);
    return tokens;
  }

  std::vector<std::vector<float>> Logits(const std::vector<Row>& rows) {
    const auto logits = model_->ForwardLogits(rows);
    EXPECT_TRUE(logits.ok()) << logits.status();
    std::vector<std::vector<float>> result;
    for (int64_t i = 0; i < logits->size(0); ++i) {
      const float* row = logits->data_ptr<float>() + i * logits->size(1);
      result.emplace_back(row, row + logits->size(1));
    }
    return result;
  }

  void Commit(SequenceId id, int count) {
    std::vector<int> rows(count);
    for (int i = 0; i < count; ++i) rows[i] = i;
    const absl::Status status = model_->Commit(id, rows);
    ASSERT_TRUE(status.ok()) << status;
  }

  // Appends a chain of rows behind the committed prefix of length `position`; returns the index of its last row.
  static int AppendChain(std::vector<Row>& rows, SequenceId id, std::span<const TokenId> tokens,
                         int32_t position, int parent = kCommittedPrefix) {
    for (TokenId token : tokens) {
      rows.push_back({.sequence = id, .token = token, .position = position++, .parent = parent});
      parent = static_cast<int>(rows.size()) - 1;
    }
    return parent;
  }

  // Token by token, one row a forward: the reference.
  std::vector<std::vector<float>> OneByOne(std::span<const TokenId> tokens) {
    const SequenceId id = Open();
    std::vector<std::vector<float>> all;
    for (size_t i = 0; i < tokens.size(); ++i) {
      std::vector<Row> rows;
      AppendChain(rows, id, tokens.subspan(i, 1), static_cast<int32_t>(i));
      all.push_back(Logits(rows).front());
      Commit(id, 1);
    }
    model_->Close(id);
    return all;
  }

  std::mt19937_64 generator_{20240607};
  std::unique_ptr<Transformer> model_;
};

TEST_P(RowInvariance, ChunkedPrefillOfAnyChunkSizeGivesTheSameBits) {
  const std::vector<TokenId> tokens = RandomTokens(75);
  const auto reference = OneByOne(tokens);
  for (const int chunk : {1, 2, 3, 7, 16, 17, 64, 65, 75}) {
    SCOPED_TRACE(chunk);
    const SequenceId id = Open();
    for (int start = 0; start < 75; start += chunk) {
      const int count = std::min(chunk, 75 - start);
      std::vector<Row> rows;
      AppendChain(rows, id, std::span(tokens).subspan(start, count), start);
      const auto logits = Logits(rows);
      for (int i = 0; i < count; ++i) ASSERT_EQ(logits[i], reference[start + i]) << "position " << start + i;
      Commit(id, count);
    }
    model_->Close(id);
  }
}

TEST_P(RowInvariance, RowsOfManySequencesInOneForwardGiveTheSameBitsAsAlone) {
  struct Sequence {
    SequenceId id;
    std::vector<TokenId> tokens;
    std::vector<std::vector<float>> reference;
    int committed;
  };
  std::vector<Sequence> sequences;
  for (const int length : {1, 5, 16, 33, 90}) {
    Sequence s{.id = 0, .tokens = RandomTokens(length + 6), .reference = {}, .committed = length};
    s.reference = OneByOne(s.tokens);
    s.id = Open();
    std::vector<Row> rows;
    AppendChain(rows, s.id, std::span(s.tokens).first(length), 0);
    Logits(rows);
    Commit(s.id, length);
    sequences.push_back(std::move(s));
  }
  std::vector<Row> rows;
  std::vector<std::pair<int, int>> expected;  // (sequence, position) of each row
  for (int i = 0; i < static_cast<int>(sequences.size()); ++i) {
    const Sequence& s = sequences[i];
    AppendChain(rows, s.id, std::span(s.tokens).subspan(s.committed, 1 + i), s.committed);
    for (int j = 0; j <= i; ++j) expected.emplace_back(i, s.committed + j);
  }
  const auto logits = Logits(rows);
  for (size_t r = 0; r < rows.size(); ++r) {
    ASSERT_EQ(logits[r], sequences[expected[r].first].reference[expected[r].second]) << "row " << r;
  }
}

TEST_P(RowInvariance, ATreeOfDraftsGivesEachBranchTheBitsOfItsOwnText) {
  const std::vector<TokenId> prompt = RandomTokens(30);
  const std::vector<TokenId> common = RandomTokens(3), left = RandomTokens(4), right = RandomTokens(2);
  const auto text = [&](const std::vector<TokenId>& branch) {
    std::vector<TokenId> all = prompt;
    all.insert(all.end(), common.begin(), common.end());
    all.insert(all.end(), branch.begin(), branch.end());
    return all;
  };
  const auto left_reference = OneByOne(text(left)), right_reference = OneByOne(text(right));

  const SequenceId id = Open();
  std::vector<Row> prefill;
  AppendChain(prefill, id, prompt, 0);
  Logits(prefill);
  Commit(id, 30);
  std::vector<Row> rows;
  const int fork = AppendChain(rows, id, common, 30);
  // The two branches are interleaved, so that they are not contiguous.
  const int left_first = AppendChain(rows, id, std::span(left).first(1), 33, fork);
  const int right_first = AppendChain(rows, id, std::span(right).first(1), 33, fork);
  AppendChain(rows, id, std::span(left).subspan(1), 34, left_first);
  AppendChain(rows, id, std::span(right).subspan(1), 34, right_first);
  const auto logits = Logits(rows);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(logits[i], left_reference[30 + i]);
  EXPECT_EQ(logits[3], left_reference[33]);
  EXPECT_EQ(logits[4], right_reference[33]);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(logits[5 + i], left_reference[34 + i]);
  EXPECT_EQ(logits[8], right_reference[34]);

  // The right branch is kept: what was a draft row is now committed, and what follows has the same bits.
  ASSERT_TRUE(model_->Commit(id, std::vector<int>{0, 1, 2, 4, 8}).ok());
  std::vector<TokenId> longer = text(right);
  longer.push_back(11);
  std::vector<Row> next;
  AppendChain(next, id, std::span(longer).last(1), 35);
  EXPECT_EQ(Logits(next).front(), OneByOne(longer).back());
}

TEST_P(RowInvariance, LookaheadRowsHaveTheSameBitsAnywhereAndChangeNoOtherRow) {
  const std::vector<TokenId> prompt = RandomTokens(41);
  const auto reference = OneByOne(prompt);
  const auto append_group = [](std::vector<Row>& rows, SequenceId id, int anchor) {
    int parent = anchor;
    int32_t position = rows[anchor].position;
    for (int k = 1; k <= 4; ++k) {
      rows.push_back({.sequence = id, .lookahead = k, .position = ++position, .parent = parent});
      parent = static_cast<int>(rows.size()) - 1;
    }
  };
  // Behind a row that follows committed tokens, alone.
  const SequenceId id = Open();
  std::vector<Row> prefill;
  AppendChain(prefill, id, std::span(prompt).first(40), 0);
  Logits(prefill);
  Commit(id, 40);
  std::vector<Row> rows;
  AppendChain(rows, id, std::span(prompt).last(1), 40);
  append_group(rows, id, 0);
  const auto alone = Logits(rows);
  EXPECT_EQ(alone[0], reference[40]);
  // At the end of a prefill chunk, beside another group and another sequence.
  const SequenceId fresh = Open(), other = Open();
  std::vector<Row> batch;
  AppendChain(batch, other, std::span(prompt).first(9), 0);
  append_group(batch, other, 8);
  const int last = AppendChain(batch, fresh, prompt, 0);
  append_group(batch, fresh, last - 5);
  append_group(batch, fresh, last);
  const auto batched = Logits(batch);
  for (int i = 0; i < 41; ++i) EXPECT_EQ(batched[13 + i], reference[i]) << "ordinary row " << i;
  for (int k = 1; k <= 4; ++k) EXPECT_EQ(batched[batched.size() - 5 + k], alone[k]) << "look-ahead row " << k;
}

TEST_P(RowInvariance, RandomBatchesGiveTheSameBits) {
  const uint64_t seed = 99;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  std::vector<std::vector<TokenId>> texts;
  std::vector<std::vector<std::vector<float>>> references;
  for (int i = 0; i < 6; ++i) {
    texts.push_back(RandomTokens(20 + static_cast<int>(random() % 60)));
    references.push_back(OneByOne(texts.back()));
  }
  std::vector<SequenceId> ids;
  std::vector<int> done(texts.size(), 0);
  for (size_t i = 0; i < texts.size(); ++i) ids.push_back(Open());
  for (int step = 0; step < 40; ++step) {
    std::vector<Row> rows;
    std::vector<std::pair<int, std::vector<int>>> planned;
    for (int i = 0; i < static_cast<int>(texts.size()); ++i) {
      const int left = static_cast<int>(texts[i].size()) - done[i];
      if (left == 0 || random() % 3 == 0) continue;
      const int count = 1 + static_cast<int>(random() % std::min(left, 12));
      std::vector<int> mine;
      const int first = static_cast<int>(rows.size());
      AppendChain(rows, ids[i], std::span(texts[i]).subspan(done[i], count), done[i]);
      for (int r = first; r < static_cast<int>(rows.size()); ++r) mine.push_back(r);
      planned.emplace_back(i, mine);
    }
    if (rows.empty()) continue;
    const auto logits = Logits(rows);
    for (const auto& [i, mine] : planned) {
      for (size_t j = 0; j < mine.size(); ++j) ASSERT_EQ(logits[mine[j]], references[i][done[i] + j]);
      // Some rows are dropped, as rejected drafts are.
      const size_t keep = 1 + random() % mine.size();
      ASSERT_TRUE(model_->Commit(ids[i], std::span(mine).first(keep)).ok());
      done[i] += static_cast<int>(keep);
    }
  }
}

constexpr RandomLookahead kPlain = {.count = 4}, kAdapted = {.count = 4, .rank = 16, .hidden = 48},
                          kOddRank = {.count = 4, .rank = 3};

INSTANTIATE_TEST_SUITE_P(
    , RowInvariance,
    ::testing::Values(
        Case{"TinyBf16", TinyConfig(), ComputeType::kBf16, kPlain},
        Case{"TinyFp32", TinyConfig(), ComputeType::kFp32, kPlain},
        Case{"TinyFp32Adapted", TinyConfig(), ComputeType::kFp32, kOddRank},
        Case{"SmolLmBf16", SmolLmWidths(), ComputeType::kBf16, kPlain},
        Case{"SmolLmBf16Adapted", SmolLmWidths(), ComputeType::kBf16, kAdapted},
        Case{"SmolLmFp32Adapted", SmolLmWidths(), ComputeType::kFp32, kAdapted},
        Case{"SandwichBf16Adapted", SandwichConfig(), ComputeType::kBf16, kAdapted},
        Case{"SandwichFp32", SandwichConfig(), ComputeType::kFp32, kPlain},
        Case{"ScaledBf16", ScaledConfig(), ComputeType::kBf16, kPlain},
        Case{"ScaledFp32Adapted", ScaledConfig(), ComputeType::kFp32, kAdapted},
        Case{"PostNormBf16Adapted", PostNormConfig(), ComputeType::kBf16, kAdapted},
        Case{"PostNormFp32", PostNormConfig(), ComputeType::kFp32, kPlain},
        Case{"SmolLmW8Adapted", SmolLmWidths(), ComputeType::kBf16, kAdapted, WeightType::k8Bits},
        Case{"SmolLmW4", SmolLmWidths(), ComputeType::kBf16, kPlain, WeightType::k4Bits},
        Case{"ScaledW4Adapted", ScaledConfig(), ComputeType::kBf16, kAdapted, WeightType::k4Bits},
        Case{"PostNormW8Fp32", PostNormConfig(), ComputeType::kFp32, kPlain, WeightType::k8Bits}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace pass
