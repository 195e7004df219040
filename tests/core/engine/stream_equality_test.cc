// The promise of the engine: what a request gets does not depend on its neighbours, on chunk sizes or on the
// method that decodes it. Random scenes, each stream compared with the same request alone on a fresh plain
// engine.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/core/engine/engine_rig.h"

namespace pass {
namespace {

constexpr int kVocabulary = 7;

class Scene {
 public:
  explicit Scene(uint32_t seed) : random_(seed) {
    logits_ = {.seed = random_(), .shared_scale = 1.0 + Below(4), .partial_support = Chance(30)};
    options_.model = {.vocab_size = kVocabulary,
                      .context_length = 80,
                      .num_lookahead = Below(5),
                      .page_tokens = 4,
                      .total_pages = 20 + Below(60)};
    options_.engine = {
        .max_sequences = 1 + Below(8), .row_budget = 1 + Below(40), .prefill_chunk_rows = 1 + Below(20)};
    options_.end_of_sequence_ids = {kVocabulary - 1};
    if (Chance(50)) drafts_ = RandomDrafts(logits_, 0.1 * Below(11));
  }

  void Play() {
    EngineRig rig(options_, RandomLogits(logits_), drafts_);
    rig.model.OnForward([&](std::span<const Row> rows) {
      rig.clock.Advance(absl::Microseconds(500 + Below(500) + 100 * static_cast<int>(rows.size())));
      return absl::OkStatus();
    });
    breaks_rows_ = Chance(30);
    if (breaks_rows_) {
      rig.model.BreakRows(
          [&](std::span<const Row> rows, size_t index) { return IsSpeculative(rows, index) && Chance(20); });
    }
    const int num_requests = 4 + Below(10);
    while (static_cast<int>(requests_.size()) < num_requests ||
           rig.engine.num_running() + rig.engine.num_waiting() > 0) {
      if (static_cast<int>(requests_.size()) < num_requests && Chance(40)) Arrive(rig);
      if (!sinks_.empty() && Chance(4)) rig.engine.Cancel(1 + Below(static_cast<int>(sinks_.size())));
      for (const auto& sink : sinks_) sink->set_ready(!Chance(10));
      rig.engine.Step();
    }
    EXPECT_EQ(rig.model.kv_usage().reserved_pages, 0);
    EXPECT_EQ(rig.model.num_open(), 0);
    EXPECT_EQ(rig.model.num_live_drafts(), 0);
    for (size_t i = 0; i < requests_.size(); ++i) Compare(requests_[i], *sinks_[i]);
  }

 private:
  int Below(int n) { return static_cast<int>(random_() % n); }
  bool Chance(int percent) { return Below(100) < percent; }

  // Plain decoding might never come to such a row. A sequence's first row with an output is its newest token's.
  static bool IsSpeculative(std::span<const Row> rows, size_t index) {
    return std::ranges::any_of(rows.first(index), [&](const Row& row) {
      return row.sequence == rows[index].sequence && row.output != RowOutput::kNothing;
    });
  }

  void Arrive(EngineRig& rig) {
    GenerationRequest request;
    const int length = 1 + Below(Chance(50) ? 4 : 40);
    for (int i = 0; i < length; ++i) request.prompt.push_back(Below(kVocabulary));
    request.max_tokens = 1 + Below(38);
    request.sampling = {.temperature = Chance(50) ? 0.0 : 0.8,
                        .top_k = Chance(30) ? 3 : 0,
                        .top_p = Chance(30) ? 0.9 : 1.0,
                        .seed = random_()};
    const Method methods[] = {Method::kPlain, Method::kPass, Method::kTree, Method::kAuto};
    request.method = methods[Below(4)];
    request.max_rows = 1 + Below(Chance(50) ? 6 : 40);
    request.lookahead = Below(options_.model.num_lookahead + 1);
    request.ignore_eos = Chance(50);
    request.include_stop = Chance(30);
    if (Chance(30)) request.stop_ids = {Below(kVocabulary)};
    if (Chance(40)) request.stop = {RandomText(), RandomText()};
    if (Chance(10)) request.deadline = rig.clock.Now() + absl::Milliseconds(Below(60));
    requests_.push_back(request);
    sinks_.push_back(rig.Submit(request));
  }

  // The byte tokenizer turns ids into these characters.
  std::string RandomText() {
    std::string text;
    const int length = 1 + Below(3);
    for (int i = 0; i < length; ++i) text += static_cast<char>(Below(kVocabulary));
    return text;
  }

  std::shared_ptr<RecordingSink> Alone(GenerationRequest request) const {
    RigOptions options = options_;
    options.model.total_pages = 100;
    options.engine = EngineOptions();
    request.deadline = absl::InfiniteFuture();
    // Sampled `pass` equals plain in distribution only; alone it is reproducible.
    if (request.method != Method::kPass || request.sampling.greedy()) request.method = Method::kPlain;
    EngineRig rig(options, RandomLogits(logits_), drafts_);
    auto sink = rig.Submit(request);
    rig.Run();
    return sink;
  }

  void Compare(const GenerationRequest& request, const RecordingSink& sink) const {
    ASSERT_TRUE(sink.finish().has_value());
    const FinishReport finish = *sink.finish();
    const std::shared_ptr<RecordingSink> alone = Alone(request);
    const std::vector<TokenId> expected = alone->token_ids();
    const std::vector<TokenId> got = sink.token_ids();
    EXPECT_EQ(finish.completion_tokens, static_cast<int>(got.size()));
    ExpectWholeRounds(sink.steps());
    // Sampled `pass` has other drafts then, and the same distribution.
    if (breaks_rows_ && request.method == Method::kPass && !request.sampling.greedy()) return;
    if (finish.reason == FinishReason::kCancelled || finish.reason == FinishReason::kDeadline) {
      ASSERT_LE(got.size(), expected.size());
      EXPECT_TRUE(std::equal(got.begin(), got.end(), expected.begin()));
      EXPECT_TRUE(alone->text().starts_with(sink.text()));
      return;
    }
    EXPECT_EQ(got, expected);
    EXPECT_EQ(sink.text(), alone->text());
    EXPECT_EQ(finish.reason, alone->finish()->reason);
    EXPECT_EQ(finish.matched_stop_id, alone->finish()->matched_stop_id);
    EXPECT_EQ(finish.matched_stop_string, alone->finish()->matched_stop_string);
  }

  // A method is never left in the middle of a round, except by the end.
  static void ExpectWholeRounds(const std::vector<StepReport>& steps) {
    for (size_t i = 0; i < steps.size(); ++i) {
      const int whole = steps[i].method == Method::kPass ? 2 : 1;
      if (i + 1 < steps.size()) {
        EXPECT_EQ(steps[i].forwards, whole);
      }
      EXPECT_LE(steps[i].forwards, whole);
    }
  }

  std::mt19937 random_;
  RandomLogitsOptions logits_;
  bool breaks_rows_ = false;
  RigOptions options_;
  DraftFunction drafts_;  // null: no head
  std::vector<GenerationRequest> requests_;
  std::vector<std::shared_ptr<RecordingSink>> sinks_;
};

TEST(Streams, EqualTheSameRequestAloneInRandomScenes) {
  const uint32_t first_seed = std::random_device()();
  for (uint32_t i = 0; i < 100; ++i) {
    SCOPED_TRACE(testing::Message() << "seed " << first_seed + i);
    Scene(first_seed + i).Play();
    if (testing::Test::HasFailure()) break;
  }
}

TEST(Streams, EqualTheSameRequestAloneInKnownScenes) {
  for (uint32_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Scene(seed).Play();
    if (testing::Test::HasFailure()) break;
  }
}

}  // namespace
}  // namespace pass
