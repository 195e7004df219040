// Stops inside accepted runs: every method ends a request at the same token, with the same text and the same
// counts.
#include <gtest/gtest.h>

#include "tests/core/engine/engine_rig.h"

namespace pass {
namespace {

// The model writes this after any prompt of one byte.
constexpr std::string_view kScript = "?abcdefghijklmnopqrstuvwxyz";

std::shared_ptr<RecordingSink> Generate(const GenerationRequest& request) {
  std::vector<TokenId> script = Bytes(kScript);
  script.push_back(ByteTokenizer::kEnd);
  EngineRig rig(RigOptions(), ScriptedLogits(script));
  auto sink = rig.Submit(request);
  rig.Run();
  EXPECT_EQ(rig.model.kv_usage().reserved_pages, 0);
  return sink;
}

class Stopping : public testing::TestWithParam<Method> {};

TEST_P(Stopping, EndsAtMaxTokensInsideARun) {
  for (int max_tokens = 1; max_tokens <= 13; ++max_tokens) {
    const auto sink = Generate(Request("?", max_tokens, GetParam()));
    EXPECT_EQ(sink->text(), kScript.substr(1, max_tokens));
    EXPECT_EQ(static_cast<int>(sink->token_ids().size()), max_tokens);
    EXPECT_EQ(sink->finish()->reason, FinishReason::kLength);
    EXPECT_EQ(sink->finish()->completion_tokens, max_tokens);
  }
}

TEST_P(Stopping, LeaksNothingAfterAStopString) {
  for (size_t at = 1; at + 1 < kScript.size(); ++at) {
    GenerationRequest request = Request("?", 100, GetParam());
    request.stop = {"never", std::string(kScript.substr(at, 2))};
    const auto sink = Generate(request);
    EXPECT_EQ(sink->text(), kScript.substr(1, at - 1));
    EXPECT_EQ(sink->token_ids(), Bytes(kScript.substr(1, at + 1)));
    EXPECT_EQ(sink->finish()->reason, FinishReason::kStop);
    EXPECT_EQ(sink->finish()->matched_stop_string, request.stop[1]);
    EXPECT_EQ(sink->finish()->matched_stop_id, -1);
    EXPECT_EQ(sink->finish()->completion_tokens, static_cast<int>(at) + 1);
  }
}

TEST_P(Stopping, KeepsTheStopStringWhenAsked) {
  GenerationRequest request = Request("?", 100, GetParam());
  request.stop = {"fgh"};
  request.include_stop = true;
  EXPECT_EQ(Generate(request)->text(), "abcdefgh");
}

TEST_P(Stopping, CountsTheStopIdAndNeverShowsIt) {
  for (size_t at = 1; at < kScript.size(); ++at) {
    GenerationRequest request = Request("?", 100, GetParam());
    request.stop_ids = {kScript[at]};
    request.include_stop = true;  // speaks of strings only
    const auto sink = Generate(request);
    EXPECT_EQ(sink->text(), kScript.substr(1, at - 1));
    EXPECT_EQ(sink->token_ids(), Bytes(kScript.substr(1, at)));
    EXPECT_EQ(sink->finish()->matched_stop_id, kScript[at]);
    EXPECT_EQ(sink->finish()->completion_tokens, static_cast<int>(at));
  }
}

TEST_P(Stopping, EndsAtTheEndOfSequenceId) {
  const auto sink = Generate(Request("?", 100, GetParam()));
  EXPECT_EQ(sink->text(), kScript.substr(1));
  EXPECT_EQ(sink->token_ids().back(), ByteTokenizer::kEnd);
  EXPECT_EQ(sink->finish()->reason, FinishReason::kStop);
  EXPECT_EQ(sink->finish()->matched_stop_id, ByteTokenizer::kEnd);
  EXPECT_EQ(sink->finish()->completion_tokens, static_cast<int>(kScript.size()));
}

TEST_P(Stopping, GoesPastTheEndOfSequenceIdWhenAsked) {
  GenerationRequest request = Request("?", 40, GetParam());
  request.ignore_eos = true;
  const auto sink = Generate(request);
  EXPECT_EQ(sink->finish()->reason, FinishReason::kLength);
  EXPECT_EQ(sink->finish()->completion_tokens, 40);
}

TEST_P(Stopping, StopsAtAnEndOfSequenceIdThatIsAlsoAStopIdDespiteIgnoreEos) {
  GenerationRequest request = Request("?", 40, GetParam());
  request.ignore_eos = true;
  request.stop_ids = {ByteTokenizer::kEnd};
  EXPECT_EQ(Generate(request)->finish()->matched_stop_id, ByteTokenizer::kEnd);
}

TEST_P(Stopping, PrefersAStopToTheLengthAtTheSameToken) {
  GenerationRequest request = Request("?", 5, GetParam());
  request.stop = {"de"};
  EXPECT_EQ(Generate(request)->finish()->reason, FinishReason::kStop);
}

TEST_P(Stopping, SendsWhatWasHeldBackWithTheLastReport) {
  GenerationRequest request = Request("?", 6, GetParam());
  request.stop = {"efgh"};
  const auto sink = Generate(request);
  EXPECT_EQ(sink->text(), "abcdef");
  EXPECT_EQ(sink->finish()->reason, FinishReason::kLength);
}

TEST_P(Stopping, KeepsAcceptedWithinWhatWasEmitted) {
  for (int max_tokens = 1; max_tokens <= 13; ++max_tokens) {
    const auto sink = Generate(Request("?", max_tokens, GetParam()));
    for (const StepReport& step : sink->steps()) {
      EXPECT_LE(step.accepted, step.drafted);
      EXPECT_LE(step.accepted, static_cast<int>(step.token_ids.size()));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Methods, Stopping,
                         testing::Values(Method::kPlain, Method::kPass, Method::kTree, Method::kAuto),
                         [](const auto& method) { return std::string(MethodName(method.param)); });

}  // namespace
}  // namespace pass
