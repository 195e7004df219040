#include "core/engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/engine/engine_rig.h"

namespace pass {
namespace {

using testing::ElementsAre;

LogitsFunction Alphabet() { return ScriptedLogits(Bytes("0123456789abcdefghijklmnopqrstuvwxyz")); }

TEST(EngineOptions, RefusesLimitsBelowOne) {
  EXPECT_TRUE(EngineOptions().Validate().ok());
  EXPECT_FALSE(EngineOptions{.max_sequences = 0}.Validate().ok());
  EXPECT_FALSE(EngineOptions{.row_budget = 0}.Validate().ok());
  EXPECT_FALSE(EngineOptions{.prefill_chunk_rows = 0}.Validate().ok());
  EXPECT_FALSE(EngineOptions{.slow_reader_limit = absl::ZeroDuration()}.Validate().ok());
}

TEST(Engine, HasNothingToDoWhenIdle) {
  EngineRig rig(RigOptions(), Alphabet());
  EXPECT_FALSE(rig.engine.Step());
  EXPECT_EQ(rig.engine.NextWakeUp(), absl::InfiniteFuture());
}

TEST(Engine, PrefillsInChunksBesideTheDecodingOfOthers) {
  RigOptions options;
  options.engine.prefill_chunk_rows = 4;
  EngineRig rig(options, Alphabet());
  const auto decoding = rig.Submit(Request("0", 20));
  rig.engine.Step();
  const auto prefilling = rig.Submit(Request("0123456789", 5));
  rig.engine.Step();
  rig.engine.Step();
  EXPECT_EQ(decoding->text(), "123");
  EXPECT_EQ(prefilling->text(), "");
  rig.engine.Step();
  EXPECT_EQ(decoding->text(), "1234");
  EXPECT_EQ(prefilling->text(), "a");
}

// A row takes 10.4 ms and each further one 0.4 ms: 26 rows take twice as long as one.
TEST(Engine, LetsAPromptDoubleTheTimeOfOthersForwards) {
  EngineRig rig(RigOptions(), Alphabet());
  rig.forward_time = absl::ZeroDuration();
  rig.model.OnForward([&](std::span<const Row> rows) {
    rig.clock.Advance(absl::Microseconds(10000 + 400 * rows.size()));
    return absl::OkStatus();
  });
  rig.engine.Prepare();
  const std::string prompt(250, 'x');
  rig.Submit(Request("0", 60));
  for (int i = 0; i < 3; ++i) rig.engine.Step();
  rig.Submit(Request(prompt, 1));
  rig.engine.Step();  // teaches what a row of a prompt takes
  for (int i = 0; i < 5; ++i) {
    rig.engine.Step();
    EXPECT_GE(rig.observer.forwards.back().prefill_rows, 16);
    EXPECT_LE(rig.observer.forwards.back().prefill_rows, 26);
  }
}

TEST(Engine, ReadsPromptsInWholeChunksWhereNobodyDecodes) {
  EngineRig rig(RigOptions(), Alphabet());
  rig.Submit(Request(std::string(250, 'x'), 1));
  rig.engine.Step();
  EXPECT_EQ(rig.observer.forwards.back().prefill_rows, 128);
}

TEST(Engine, TakesThePassRoundsFirstRowsIntoTheLastPrefillChunk) {
  EngineRig rig(RigOptions(), Alphabet());
  const auto sink = rig.Submit(Request("0123", 6, Method::kPass));
  rig.Run();
  EXPECT_EQ(sink->text(), "456789");
  EXPECT_EQ(rig.model.num_forwards(), 2);
}

TEST(Engine, AdmitsInOrderAsPagesComeBack) {
  RigOptions options;
  options.model.page_tokens = 4;
  options.model.total_pages = 4;  // 16 positions
  EngineRig rig(options, Alphabet());
  const auto first = rig.Submit(Request("0", 9));     // 3 pages
  const auto second = rig.Submit(Request("01", 14));  // 4 pages
  const auto third = rig.Submit(Request("012", 1));   // would fit beside the first, but waits its turn
  rig.engine.Step();
  EXPECT_EQ(rig.engine.num_running(), 1);
  EXPECT_EQ(rig.engine.num_waiting(), 2);
  rig.Run();
  EXPECT_EQ(first->finish()->reason, FinishReason::kLength);
  EXPECT_EQ(second->finish()->completion_tokens, 14);
  EXPECT_EQ(third->text(), "3");
  EXPECT_THAT(rig.observer.admitted, ElementsAre("0", "01", "012"));
  EXPECT_EQ(rig.model.kv_usage().reserved_pages, 0);
}

TEST(Engine, RunsNoMoreSequencesThanAllowed) {
  RigOptions options;
  options.engine.max_sequences = 2;
  EngineRig rig(options, Alphabet());
  for (int i = 0; i < 5; ++i) rig.Submit(Request("0", 3));
  while (rig.engine.Step()) EXPECT_LE(rig.observer.last_state.running, 2);
  EXPECT_EQ(rig.observer.finishes.size(), 5u);
}

TEST(Engine, RefusesWhatCanNeverFitAndGoesOn) {
  RigOptions options;
  options.model.page_tokens = 4;
  options.model.total_pages = 4;
  EngineRig rig(options, Alphabet());
  const auto large = rig.Submit(Request("0", 16));
  const auto small = rig.Submit(Request("0", 3));
  rig.Run();
  EXPECT_EQ(large->finish()->reason, FinishReason::kError);
  EXPECT_TRUE(absl::IsInvalidArgument(large->finish()->error));
  EXPECT_EQ(small->text(), "123");
}

TEST(Engine, EndsOnlyTheSequenceWhoseRowFailed) {
  for (Method method : {Method::kPlain, Method::kPass, Method::kTree}) {
    EngineRig rig(RigOptions(), Alphabet());
    const auto healthy = rig.Submit(Request("0", 20, method));
    const auto broken = rig.Submit(Request("01", 20, method));
    rig.engine.Step();
    rig.model.BreakSequence(2);
    rig.Run();
    EXPECT_EQ(healthy->finish()->reason, FinishReason::kLength);
    EXPECT_EQ(healthy->text(), "123456789abcdefghijk");
    EXPECT_EQ(broken->finish()->reason, FinishReason::kError);
    EXPECT_TRUE(absl::IsInternal(broken->finish()->error));
    EXPECT_EQ(broken->text(), "2");  // of `pass`: the draft forward's token, which no validation followed
    EXPECT_EQ(broken->finish()->completion_tokens, 1);
    EXPECT_THAT(rig.observer.failed, ElementsAre("01"));
    EXPECT_EQ(rig.model.kv_usage().reserved_pages, 0);
  }
}

TEST(Engine, SurvivesAForwardThatFailsAsAWhole) {
  EngineRig rig(RigOptions(), Alphabet());
  const auto paused = rig.Submit(Request("0", 5));
  const auto riding = rig.Submit(Request("01", 5));
  rig.engine.Step();
  paused->set_ready(false);
  rig.model.OnForward([](std::span<const Row>) { return absl::InternalError("device lost"); });
  rig.engine.Step();
  EXPECT_EQ(riding->finish()->reason, FinishReason::kError);
  EXPECT_TRUE(absl::IsInternal(riding->finish()->error));
  EXPECT_EQ(riding->finish()->error.message().find("device"), std::string::npos);
  EXPECT_FALSE(paused->finish().has_value());
  rig.model.OnForward([](std::span<const Row>) { return absl::OkStatus(); });
  paused->set_ready(true);
  rig.Run();
  EXPECT_EQ(paused->text(), "12345");
}

TEST(Engine, GivesPagesBackBeforeTheForwardAfterACancel) {
  EngineRig rig(RigOptions(), Alphabet());
  const auto cancelled = rig.Submit(Request("0", 30));
  const RequestHandle handle = rig.last_handle();
  const auto other = rig.Submit(Request("0", 30));
  rig.engine.Step();
  rig.engine.Cancel(handle);
  int open = 0;
  rig.model.OnForward([&](std::span<const Row>) {
    open = rig.model.num_open();
    return absl::OkStatus();
  });
  rig.engine.Step();
  EXPECT_EQ(open, 1);
  EXPECT_EQ(cancelled->finish()->reason, FinishReason::kCancelled);
  EXPECT_EQ(cancelled->text(), "1");
  EXPECT_EQ(rig.observer.cancels_freed.size(), 1u);
  EXPECT_FALSE(other->finish().has_value());
}

TEST(Engine, ShowsTheDraftForwardsTokenOfACancelledRound) {
  EngineRig rig(RigOptions(), Alphabet());
  const auto sink = rig.Submit(Request("0", 30, Method::kPass));
  rig.engine.Step();
  EXPECT_TRUE(sink->steps().empty());
  rig.engine.Cancel(rig.last_handle());
  rig.Run();
  ASSERT_EQ(sink->steps().size(), 1u);
  EXPECT_EQ(sink->steps()[0].token_ids, Bytes("1"));
  EXPECT_EQ(sink->steps()[0].drafted, 0);
  EXPECT_EQ(sink->finish()->completion_tokens, 1);
}

TEST(Engine, CancelsWhoStillWaits) {
  RigOptions options;
  options.engine.max_sequences = 1;
  EngineRig rig(options, Alphabet());
  rig.Submit(Request("0", 5));
  const auto waiting = rig.Submit(Request("0", 5));
  rig.engine.Step();
  rig.engine.Cancel(rig.last_handle());
  rig.engine.Step();
  EXPECT_EQ(waiting->finish()->reason, FinishReason::kCancelled);
  EXPECT_EQ(rig.engine.num_waiting(), 0);
  EXPECT_TRUE(rig.observer.cancels_freed.empty());  // it had no pages
}

TEST(Engine, IgnoresTheCancelOfAnUnknownHandle) {
  EngineRig rig(RigOptions(), Alphabet());
  const auto sink = rig.Submit(Request("0", 3));
  rig.engine.Cancel(999);
  rig.Run();
  rig.engine.Cancel(rig.last_handle());
  EXPECT_FALSE(rig.engine.Step());
  EXPECT_EQ(sink->finish()->reason, FinishReason::kLength);
}

TEST(Engine, EndsEverythingWithOneStatus) {
  RigOptions options;
  options.engine.max_sequences = 1;
  EngineRig rig(options, Alphabet());
  const auto running = rig.Submit(Request("0", 5));
  const auto waiting = rig.Submit(Request("0", 5));
  rig.engine.Step();
  rig.engine.CancelAll(FinishReason::kError, absl::UnavailableError("bye"));
  EXPECT_FALSE(rig.engine.Step());
  EXPECT_TRUE(absl::IsUnavailable(running->finish()->error));
  EXPECT_TRUE(absl::IsUnavailable(waiting->finish()->error));
}

TEST(Engine, HonoursDeadlinesWithinOneStep) {
  RigOptions options;
  options.engine.max_sequences = 1;
  EngineRig rig(options, Alphabet());
  GenerationRequest request = Request("0", 30);
  request.deadline = rig.clock.Now() + absl::Milliseconds(35);
  const auto running = rig.Submit(request);
  request.deadline = rig.clock.Now() + absl::Milliseconds(15);
  const auto waiting = rig.Submit(request);
  EXPECT_EQ(rig.engine.NextWakeUp(), request.deadline);
  rig.Run();
  EXPECT_EQ(running->finish()->reason, FinishReason::kDeadline);
  EXPECT_EQ(running->finish()->completion_tokens, 4);  // the fourth forward began in time
  EXPECT_EQ(waiting->finish()->reason, FinishReason::kDeadline);
  EXPECT_EQ(waiting->finish()->completion_tokens, 0);
  EXPECT_THAT(rig.observer.cancels_freed, ElementsAre(absl::Milliseconds(5)));
  EXPECT_EQ(rig.model.kv_usage().reserved_pages, 0);
}

TEST(Engine, PausesASequenceWhoseReaderIsSlow) {
  EngineRig rig(RigOptions(), Alphabet());
  const auto slow = rig.Submit(Request("0", 5));
  const auto quick = rig.Submit(Request("0", 5));
  rig.engine.Step();
  slow->set_ready(false);
  rig.Run();
  EXPECT_EQ(slow->text(), "1");
  EXPECT_EQ(quick->text(), "12345");
  EXPECT_EQ(rig.engine.num_running(), 1);
  slow->set_ready(true);
  rig.Run();
  EXPECT_EQ(slow->text(), "12345");
}

TEST(Engine, CutsASlowReaderOffAfterTheLimit) {
  EngineRig rig(RigOptions(), Alphabet());
  const auto sink = rig.Submit(Request("0", 5));
  rig.engine.Step();
  sink->set_ready(false);
  EXPECT_FALSE(rig.engine.Step());
  const absl::Time limit = rig.clock.Now() + absl::Seconds(30);
  EXPECT_EQ(rig.engine.NextWakeUp(), limit);
  rig.clock.Advance(absl::Seconds(29));
  rig.engine.Step();
  EXPECT_FALSE(sink->finish().has_value());
  rig.clock.Advance(absl::Seconds(1));
  rig.engine.Step();
  EXPECT_EQ(sink->finish()->reason, FinishReason::kCancelled);
  EXPECT_EQ(sink->text(), "1");
  EXPECT_EQ(rig.model.kv_usage().reserved_pages, 0);
}

TEST(Engine, ForgivesAReaderThatComesBackInTime) {
  EngineRig rig(RigOptions(), Alphabet());
  const auto sink = rig.Submit(Request("0", 5));
  for (int i = 0; i < 3; ++i) {
    sink->set_ready(false);
    rig.engine.Step();
    rig.clock.Advance(absl::Seconds(20));
    sink->set_ready(true);
    rig.engine.Step();
  }
  rig.Run();
  EXPECT_EQ(sink->text(), "12345");
}

TEST(Engine, TakesTreeForAutoWhetherGreedyOrSampledWithOrWithoutLookaheadTokens) {
  for (const int num_lookahead : {0, 4}) {
    for (const double temperature : {0.0, 1.0}) {
      RigOptions options;
      options.model.num_lookahead = num_lookahead;
      EngineRig rig(options, Alphabet());
      GenerationRequest request = Request("0", 6, Method::kAuto);
      request.lookahead = num_lookahead;
      request.sampling.temperature = temperature;
      const auto sink = rig.Submit(request);
      rig.Run();
      EXPECT_EQ(sink->text(), "123456");
      for (const StepReport& step : sink->steps()) EXPECT_EQ(step.method, Method::kTree);
    }
  }
}

TEST(Engine, HardlySpeculatesWhenRowsCostMoreThanTheyBring) {
  RigOptions options;
  options.model.context_length = 2048;
  options.model.total_pages = 256;
  EngineRig rig(options, Alphabet());
  int speculative = 0;
  rig.model.OnForward([&](std::span<const Row> rows) {
    rig.clock.Advance(absl::Milliseconds(rows.size() > 1 ? 1000 : 10));
    speculative += rows.size() > 1 ? 1 : 0;
    return absl::OkStatus();
  });
  const auto sink = rig.Submit(Request("0", 1000, Method::kAuto));
  rig.Run();
  EXPECT_LT(speculative, 40);
}

TEST(Engine, NeverExceedsTheRowsOfAForward) {
  RigOptions options;
  options.engine = {.max_sequences = 8, .row_budget = 12, .prefill_chunk_rows = 7};
  EngineRig rig(options, Alphabet());
  size_t most = 0;
  rig.model.OnForward([&](std::span<const Row> rows) {
    most = std::max(most, rows.size());
    return absl::OkStatus();
  });
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  for (int i = 0; i < 8; ++i) {
    sinks.push_back(rig.Submit(Request("0123456789", 12, i % 2 == 0 ? Method::kPass : Method::kTree)));
  }
  rig.Run();
  for (const auto& sink : sinks) EXPECT_EQ(sink->text(), "abcdefghijkl");
  EXPECT_LE(most, 12u);
  EXPECT_GE(most, 10u);
}

TEST(Engine, TakesTurnsWhenNotAllDecodersFit) {
  RigOptions options;
  options.engine.row_budget = 5;  // one round at a time
  EngineRig rig(options, Alphabet());
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  for (int i = 0; i < 3; ++i) sinks.push_back(rig.Submit(Request("0", 30, Method::kPass)));
  for (int i = 0; i < 12; ++i) rig.engine.Step();
  for (const auto& sink : sinks) EXPECT_EQ(sink->steps().size(), 2u);
}

TEST(Engine, GivesPagesBackWhenItIsDestroyed) {
  RigOptions options;
  TableModel model(options.model, Alphabet());
  ByteTokenizer tokenizer;
  FakeClock clock;
  {
    Engine engine(&model, &tokenizer, {}, options.engine, /*observer=*/nullptr, &clock);
    engine.Submit(1, Request("0", 20), std::make_shared<RecordingSink>());
    engine.Step();
    EXPECT_GT(model.kv_usage().reserved_pages, 0);
  }
  EXPECT_EQ(model.kv_usage().reserved_pages, 0);
}

TEST(Names, AreThoseOfTheApi) {
  EXPECT_EQ(MethodName(Method::kAuto), "auto");
  EXPECT_EQ(FinishReasonName(FinishReason::kDeadline), "deadline");
  EXPECT_EQ(ForwardKindName(ForwardKind::kMixed), "mixed");
}

}  // namespace
}  // namespace pass
