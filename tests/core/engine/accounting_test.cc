#include <gtest/gtest.h>

#include <numeric>

#include "tests/core/engine/engine_rig.h"

namespace pass {
namespace {

constexpr std::string_view kScript = "pppp0123456789abcdefghijklmnopqrstuvwxyz";

TEST(Accounting, CountsAPlainForwardAsAValidationStepWithoutDrafts) {
  EngineRig rig(RigOptions(), ScriptedLogits(Bytes(kScript)));
  const auto sink = rig.Submit(Request("pppp", 3));
  rig.Run();
  ASSERT_EQ(sink->steps().size(), 3u);
  for (const StepReport& step : sink->steps()) {
    EXPECT_EQ(step.method, Method::kPlain);
    EXPECT_EQ(step.drafted, 0);
    EXPECT_EQ(step.rows, 1);
    EXPECT_EQ(step.forwards, 1);
    EXPECT_EQ(step.step_time, absl::Milliseconds(10));
  }
  EXPECT_EQ(sink->finish()->speculation.validation_steps, 3);
  EXPECT_EQ(sink->finish()->speculation.forwards, 3);
}

TEST(Accounting, ReportsARoundOfPassAsOneStep) {
  EngineRig rig(RigOptions(), ScriptedLogits(Bytes(kScript)));
  const auto sink = rig.Submit(Request("pppp", 12, Method::kPass));
  rig.Run();
  ASSERT_EQ(sink->steps().size(), 2u);
  for (const StepReport& step : sink->steps()) {
    EXPECT_EQ(step.method, Method::kPass);
    EXPECT_EQ(step.token_ids.size(), 6u);  // the draft forward's own, four drafts, the bonus
    EXPECT_EQ(step.drafted, 4);
    EXPECT_EQ(step.accepted, 4);
    EXPECT_EQ(step.rows, 10);
    EXPECT_EQ(step.forwards, 2);
    EXPECT_EQ(step.step_time, absl::Milliseconds(20));
  }
  const SpeculationSummary summary = sink->finish()->speculation;
  EXPECT_EQ(summary.validation_steps, 2);
  EXPECT_EQ(summary.forwards, 4);
  EXPECT_EQ(summary.drafted_by_position, (std::vector<int64_t>{2, 2, 2, 2}));
  EXPECT_EQ(summary.accepted_by_position, (std::vector<int64_t>{2, 2, 2, 2}));
}

TEST(Accounting, DoesNotCountAcceptedDraftsBehindAStop) {
  EngineRig rig(RigOptions(), ScriptedLogits(Bytes(kScript)));
  const auto sink = rig.Submit(Request("pppp", 3, Method::kPass));
  rig.Run();
  ASSERT_EQ(sink->steps().size(), 1u);
  EXPECT_EQ(sink->steps()[0].token_ids.size(), 3u);
  EXPECT_EQ(sink->steps()[0].drafted, 4);
  EXPECT_EQ(sink->steps()[0].accepted, 2);
  EXPECT_EQ(sink->finish()->speculation.accepted_by_position, (std::vector<int64_t>{1, 1, 0, 0}));
}

TEST(Accounting, ReportsADraftForwardThatEndsTheSequenceWithoutDrafts) {
  EngineRig rig(RigOptions(), ScriptedLogits(Bytes(kScript)));
  const auto sink = rig.Submit(Request("pppp", 1, Method::kPass));
  rig.Run();
  ASSERT_EQ(sink->steps().size(), 1u);
  EXPECT_EQ(sink->steps()[0].drafted, 0);
  EXPECT_EQ(sink->steps()[0].rows, 5);
  EXPECT_EQ(sink->steps()[0].forwards, 1);
  EXPECT_EQ(sink->finish()->speculation.validation_steps, 0);
  EXPECT_EQ(sink->finish()->speculation.forwards, 1);
}

TEST(Accounting, LeavesPurePrefillOutAndCountsTheForwardThatSamples) {
  RigOptions options;
  options.engine.prefill_chunk_rows = 4;
  EngineRig rig(options, ScriptedLogits(Bytes(kScript)));
  const auto sink = rig.Submit(Request("0123456789", 2));
  rig.Run();
  ASSERT_EQ(sink->steps().size(), 2u);
  EXPECT_EQ(sink->steps()[0].forwards, 1);
  EXPECT_EQ(sink->steps()[0].rows, 1);
  EXPECT_EQ(sink->steps()[0].step_time, absl::Milliseconds(10));
  EXPECT_EQ(sink->finish()->speculation.forwards, 2);
  ASSERT_EQ(rig.observer.forwards.size(), 4u);
  EXPECT_EQ(rig.observer.forwards[0].kind, ForwardKind::kPrefill);
  EXPECT_EQ(rig.observer.forwards[0].prefill_rows, 4);
  EXPECT_EQ(rig.observer.forwards[1].kind, ForwardKind::kPrefill);
  EXPECT_EQ(rig.observer.forwards[2].kind, ForwardKind::kMixed);
  EXPECT_EQ(rig.observer.forwards[2].prefill_rows, 1);
  EXPECT_EQ(rig.observer.forwards[2].decode_rows, 1);
  EXPECT_EQ(rig.observer.forwards[3].kind, KindOf(Method::kPlain));
}

TEST(Accounting, NamesForwardsByTheMethodsInThem) {
  EngineRig rig(RigOptions(), ScriptedLogits(Bytes(kScript)));
  rig.Submit(Request("p", 2));
  rig.Submit(Request("p", 12, Method::kPass));
  rig.Run();
  ASSERT_EQ(rig.observer.forwards.size(), 4u);
  EXPECT_EQ(rig.observer.forwards[0].kind, ForwardKind::kMixed);
  EXPECT_EQ(rig.observer.forwards[0].sequences, 2);
  EXPECT_EQ(rig.observer.forwards[0].decode_rows, 6);
  EXPECT_EQ(rig.observer.forwards[0].lookahead_rows, 4);
  EXPECT_EQ(rig.observer.forwards[0].emitted_tokens, 2);
  EXPECT_EQ(rig.observer.forwards[3].kind, KindOf(Method::kPass));
  EXPECT_EQ(rig.observer.forwards[3].sequences, 1);
  EXPECT_EQ(rig.observer.forwards[3].lookahead_rows, 0);
}

TEST(Accounting, TimesEachPartOfARequest) {
  RigOptions options;
  options.engine.prefill_chunk_rows = 4;
  options.engine.max_sequences = 1;
  EngineRig rig(options, ScriptedLogits(Bytes(kScript)));
  rig.Submit(Request("p", 2));
  const auto sink = rig.Submit(Request("0123456789", 8, Method::kPass));
  rig.Run();
  const Timing timing = sink->finish()->timing;
  EXPECT_EQ(timing.queue, absl::Milliseconds(20));
  EXPECT_EQ(timing.prefill, absl::Milliseconds(30));
  EXPECT_EQ(timing.first_token,
            absl::Milliseconds(60));  // the draft forward's token waits for its validation
  EXPECT_EQ(timing.decode, absl::Milliseconds(30));
  EXPECT_EQ(timing.total, absl::Milliseconds(80));
  EXPECT_EQ(rig.observer.num_first_steps, 2);
}

TEST(Accounting, EstimatesTheSpeedUpFromPlainForwardsOfTheSameBatch) {
  EngineRig rig(RigOptions(), ScriptedLogits(Bytes(kScript)));
  const auto alone = rig.Submit(Request("p", 12, Method::kPass));
  rig.Run();
  EXPECT_EQ(alone->finish()->speculation.estimated_decode_speedup, 0);  // no baseline yet
  rig.Submit(Request("p", 12));
  rig.Run();
  const auto sink = rig.Submit(Request("p", 12, Method::kPass));
  rig.Run();
  EXPECT_NEAR(sink->finish()->speculation.estimated_decode_speedup, 3.0,
              1e-6);  // 12 tokens in 4 equal forwards
}

TEST(Accounting, LeavesMixedForwardsOutOfTheSpeedUp) {
  EngineRig rig(RigOptions(), ScriptedLogits(Bytes(kScript)));
  const auto baseline = rig.Submit(Request("p", 12));
  rig.Submit(Request("p", 12));
  rig.Run();
  EXPECT_GT(baseline->finish()->speculation.estimated_decode_speedup, 0);
  rig.Submit(Request("p", 30));  // beside `pass`: two sequences again, but every forward is mixed
  const auto sink = rig.Submit(Request("p", 12, Method::kPass));
  rig.Run();
  EXPECT_EQ(sink->finish()->speculation.estimated_decode_speedup, 0);
}

TEST(Accounting, AddsUpOverRandomTexts) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    RigOptions options;
    options.model.vocab_size = 6;
    EngineRig rig(options, RandomLogits({.seed = seed, .shared_scale = 3.0}));
    std::vector<std::shared_ptr<RecordingSink>> sinks;
    for (Method method : {Method::kPlain, Method::kPass, Method::kAuto, Method::kTree}) {
      GenerationRequest request = Request("", 40, method);
      request.prompt = {1, 2, 3};
      request.sampling.temperature = method == Method::kPass ? 1.0 : 0.0;
      sinks.push_back(rig.Submit(request));
    }
    rig.Run();
    int64_t tokens = 0;
    for (const auto& sink : sinks) {
      StepReport sum;
      for (const StepReport& step : sink->steps()) {
        EXPECT_LE(step.accepted, step.drafted);
        EXPECT_LE(step.accepted, static_cast<int>(step.token_ids.size()));
        sum.drafted += step.drafted;
        sum.accepted += step.accepted;
        sum.drafted_positions += step.drafted_positions;
        EXPECT_EQ(std::accumulate(step.drafted_by_origin.begin(), step.drafted_by_origin.end(), 0),
                  step.drafted);
        EXPECT_EQ(std::accumulate(step.accepted_by_origin.begin(), step.accepted_by_origin.end(), 0),
                  step.accepted);
        sum.forwards += step.forwards;
        tokens += static_cast<int64_t>(step.token_ids.size());
      }
      const FinishReport finish = *sink->finish();
      const auto total = [](const std::vector<int64_t>& counts) {
        return std::accumulate(counts.begin(), counts.end(), int64_t{0});
      };
      EXPECT_EQ(finish.completion_tokens, static_cast<int>(sink->token_ids().size()));
      EXPECT_EQ(finish.prompt_tokens, 3);
      EXPECT_EQ(finish.speculation.drafted, sum.drafted);
      EXPECT_EQ(finish.speculation.accepted, sum.accepted);
      EXPECT_EQ(finish.speculation.forwards, sum.forwards);
      EXPECT_EQ(total(finish.speculation.drafted_by_position), sum.drafted_positions);
      EXPECT_EQ(total(finish.speculation.accepted_by_position), sum.accepted);
    }
    int64_t emitted = 0;
    for (const ForwardReport& forward : rig.observer.forwards) emitted += forward.emitted_tokens;
    EXPECT_EQ(emitted, tokens);
    EXPECT_EQ(rig.observer.steps.size(), rig.observer.step_gaps.size());
    EXPECT_EQ(rig.observer.finishes.size(), 4u);
    EXPECT_EQ(rig.model.num_live_drafts(), 0);
  }
}

// Of the forwards behind each other: tree ... plain (control), tree without drafts (control, mixed), tree ...
TEST(Accounting, ChargesTheControlArmWithTheForwardBehindItToo) {
  RigOptions options;
  options.model.context_length = 2000;
  options.engine.control_share = 0.1;
  EngineRig rig(options, ScriptedLogits(Bytes(kScript)));
  rig.Submit(Request("pppp", 1500, Method::kAuto));
  rig.Run();
  int control_plain = 0, behind = 0;
  const std::vector<ForwardReport>& forwards = rig.observer.forwards;
  for (size_t i = 1; i < forwards.size(); ++i) {
    const bool plain = forwards[i].kind == KindOf(Method::kPlain);
    if (forwards[i].control && plain) ++control_plain;
    const bool is_behind =
        forwards[i - 1].control && forwards[i - 1].kind == KindOf(Method::kPlain) && !plain;
    EXPECT_EQ(is_behind, forwards[i].kind == ForwardKind::kMixed && forwards[i].control) << "forward " << i;
    behind += is_behind;
  }
  EXPECT_GE(control_plain, 10);
  EXPECT_GE(behind, 8);
}

}  // namespace
}  // namespace pass
