#include "bench/compare.h"

#include "bench/report.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/byte_tokenizer.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/table_model.h"

namespace pass::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr absl::Duration kForward = absl::Milliseconds(10);

// Each forward takes 10 ms, whatever is in it. Look-ahead rows know the script.
class CompareTest : public testing::Test {
 protected:
  CompareTest() : model_({.vocab_size = ByteTokenizer::kEnd + 1, .context_length = 256}, Script()) {
    text_.tokenizer = std::make_unique<ByteTokenizer>();
    text_.end_of_sequence_ids = {ByteTokenizer::kEnd};
    model_.OnForward([this](std::span<const Row>) {
      clock_.Advance(kForward);
      return absl::OkStatus();
    });
  }

  // Distinct tokens, then the model's end of sequence at index 40, then one token for ever.
  static LogitsFunction Script() {
    std::vector<TokenId> script;
    for (int i = 0; i < 40; ++i) script.push_back(i);
    script.push_back(ByteTokenizer::kEnd);
    script.push_back(7);
    return ScriptedLogits(std::move(script));
  }

  static PromptSet Set(std::string name, int count, bool chat) {
    PromptSet set{.name = std::move(name), .prompts = {}};
    for (int i = 0; i < count; ++i) set.prompts.push_back({.ids = {0, 1, 2}, .chat = chat});
    return set;
  }

  Comparison Run(const std::vector<PromptSet>& sets, CompareOptions options) {
    if (options.samplings.empty()) options.samplings = {*ParseSampling("greedy")};
    options.warm_up = 1;
    options.repetitions = 2;
    const auto comparison = Compare(model_, text_, sets, options, clock_, nullptr);
    EXPECT_TRUE(comparison.ok()) << comparison.status();
    return comparison.value_or(Comparison{});
  }

  FakeClock clock_;
  TableModel model_;
  TextModel text_;
};

TEST_F(CompareTest, ShowsPlainAndEachVariantForEachSet) {
  const Comparison comparison =
      Run({Set("a", 3, /*chat=*/false), Set("b", 2, /*chat=*/false)},
          {.variants = {{Method::kPass, 0}, {Method::kPass, 4}}, .samplings = {}, .tokens = 24});
  ASSERT_THAT(comparison.cells, SizeIs(6));
  EXPECT_EQ(comparison.cells[0].variant.Name(), "plain");
  EXPECT_EQ(comparison.cells[0].all.units, 6) << "3 prompts, 2 repetitions";
  EXPECT_EQ(comparison.cells[5].set, "b");
  // The prompt's forward is the first of 24 for plain; decoding is 23 of 10 ms.
  EXPECT_NEAR(comparison.cells[0].all.tokens_per_second.median, 24 / 0.23, 1e-9);
  EXPECT_NEAR(comparison.cells[1].all.speedup.median, 1.0, 1e-9) << "L = 0 is plain decoding";
  // Four drafts, all accepted: 6 tokens for two forwards, of which the very first is the prompt's.
  const Figures& pass = comparison.cells[2].all;
  EXPECT_NEAR(pass.speedup.median, 23.0 / 7.0, 1e-9);
  EXPECT_DOUBLE_EQ(pass.tokens_per_forward, 3.0);
  EXPECT_DOUBLE_EQ(pass.acceptance_rate, 1.0);
  EXPECT_DOUBLE_EQ(pass.identical_share, 1.0);
  ASSERT_THAT(comparison.means, SizeIs(3));
  EXPECT_NEAR(comparison.means[2].speedup, 23.0 / 7.0, 1e-9);
}

TEST_F(CompareTest, EndsChatsWhereTheModelEndsThemAndContinuesText) {
  const Comparison comparison = Run({Set("text", 1, /*chat=*/false), Set("chat", 1, /*chat=*/true)},
                                    {.variants = {{Method::kPass, 4}}, .samplings = {}, .tokens = 100});
  EXPECT_EQ(comparison.cells[1].all.tokens, 200);
  EXPECT_EQ(comparison.cells[3].all.tokens, 2 * 38);
  EXPECT_DOUBLE_EQ(comparison.cells[1].all.looping_share, 1.0) << "one token for ever";
  EXPECT_EQ(comparison.cells[1].without_loops.units, 0);
  EXPECT_DOUBLE_EQ(comparison.cells[3].all.looping_share, 0.0);
  EXPECT_EQ(comparison.means[1].speedup_without_loops, 0);
}

TEST_F(CompareTest, ABatchDecodesSeveralPromptsInOneForward) {
  const Comparison comparison =
      Run({Set("text", 6, /*chat=*/false)},
          {.variants = {{Method::kPass, 4}}, .samplings = {}, .batches = {2}, .tokens = 12});
  const Cell& plain = comparison.cells[0];
  EXPECT_EQ(plain.all.units, 2 * 2) << "units of four; the last has two and still fills the batch";
  // Two at a time, 12 forwards each time.
  EXPECT_NEAR(plain.all.tokens_per_second.median, 2 / 0.01, 1e-9);
  EXPECT_GT(comparison.cells[1].all.speedup.median, 2.0);
}

TEST_F(CompareTest, ReportsSayWhatWasMeasured) {
  const CompareOptions options{.variants = {{Method::kPass, 4}}, .samplings = {}, .tokens = 24};
  const Comparison comparison = Run({Set("text", 2, /*chat=*/false)}, options);
  Subject subject{.model = model_.info(),
                  .lookahead_file = "tokens.safetensors",
                  .libtorch = "2.0",
                  .date = "2026-01-02",
                  .machine = {.cpu = "a CPU", .threads = 2, .memory_read_bytes_per_second = 5e10},
                  .instruction_set = "avx2"};
  subject.model.fingerprint = "abc";
  const std::string page = MarkdownOf(subject, options, comparison);
  for (const char* words :
       {"a CPU, 2 threads, memory reads 50 GB/s", "fingerprint abc", "tokens.safetensors (L = 4)",
        "| text | pass L=4 |", "| text sets, geometric mean | pass L=4 |"}) {
    EXPECT_THAT(page, HasSubstr(words));
  }
  const nlohmann::ordered_json json = JsonOf(subject, options, comparison);
  EXPECT_EQ(json["subject"]["memory_read_gb_per_second"], 50.0);
  EXPECT_EQ(json["cells"][1]["method"], "pass");
  EXPECT_EQ(json["cells"][1]["all"]["drafted_by_position"].size(), 4u);
  EXPECT_GT(json["means"][1]["speedup"], 3.0);
}

}  // namespace
}  // namespace pass::bench
