#include "client/pass_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/scripted_server.h"

namespace pass {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(PassClient, HandsOverEveryMessageInOrder) {
  ScriptedServer server;
  server.messages = {Step("a", 0, 0, 1), Step("bcd", 4, 1, 2), End(4)};
  std::string text;
  bool finished = false;
  const CallStatus status =
      PassClient(server.address()).Generate({}, {}, [&](const v1::GenerateResponse& message) {
        text += message.text();
        finished = message.has_finish();
        return true;
      });
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(text, "abcd");
  EXPECT_TRUE(finished);
}

TEST(PassClient, CompletesInOneMessage) {
  ScriptedServer server;
  server.messages = {Step("ab", 0, 0, 1), End(2)};
  v1::GenerateRequest request;
  request.set_text("prompt");
  v1::CompleteResponse response;
  ASSERT_TRUE(PassClient(server.address()).Complete(request, {}, &response).ok());
  EXPECT_EQ(response.text(), "ab");
  EXPECT_EQ(response.finish().seed(), 99u);
  EXPECT_EQ(server.requests.at(0).text(), "prompt");
}

TEST(PassClient, ReportsAStreamThatEndsWithoutItsLastMessage) {
  ScriptedServer server;
  server.messages = {Step("a", 0, 0, 1)};
  const CallStatus status =
      PassClient(server.address()).Generate({}, {}, [](const v1::GenerateResponse&) { return true; });
  EXPECT_EQ(status.code, grpc::StatusCode::INTERNAL);
}

TEST(PassClient, ReadsFieldViolationsAndTheRetryHint) {
  ScriptedServer server;
  server.status = RichError();
  const CallStatus status =
      PassClient(server.address()).Generate({}, {}, [](const v1::GenerateResponse&) { return true; });
  EXPECT_EQ(status.code, grpc::StatusCode::INVALID_ARGUMENT);
  ASSERT_EQ(status.violations.size(), 2u);
  EXPECT_EQ(status.violations[0].field, "sampling.top_p");
  EXPECT_EQ(status.violations[1].description, "must be at least 1");
  EXPECT_DOUBLE_EQ(status.retry_after_seconds.value_or(0), 1.5);
  EXPECT_EQ(status.ToString(),
            "INVALID_ARGUMENT: bad request\n  sampling.top_p: must be in (0, 1]\n"
            "  stopping.max_tokens: must be at least 1\n  retry after 1.5 s");
}

TEST(PassClient, PrintsAViolationOnceWhereTheMessageNamesItToo) {
  const CallStatus status{.code = grpc::StatusCode::INVALID_ARGUMENT,
                          .message = "invalid request: sampling.top_p: must be in (0, 1]",
                          .violations = {{"sampling.top_p", "must be in (0, 1]"}, {"prompt", "is empty"}},
                          .retry_after_seconds = std::nullopt};
  EXPECT_EQ(status.ToString(),
            "INVALID_ARGUMENT: invalid request: sampling.top_p: must be in (0, 1]\n  prompt: is empty");
}

TEST(PassClient, SurvivesErrorDetailsThatAreNoMessage) {
  ScriptedServer server;
  server.status = {grpc::StatusCode::INTERNAL, "broken", "\xff\xff\xff"};
  v1::CompleteResponse response;
  const CallStatus status = PassClient(server.address()).Complete({}, {}, &response);
  EXPECT_EQ(status.ToString(), "INTERNAL: broken");
}

TEST(PassClient, CancelsWhenTheCallbackHasSeenEnough) {
  ScriptedServer server;
  server.messages = {Step("a", 0, 0, 1)};
  server.hang = true;
  const CallStatus status =
      PassClient(server.address()).Generate({}, {}, [](const v1::GenerateResponse&) { return false; });
  EXPECT_EQ(status.code, grpc::StatusCode::CANCELLED);
}

TEST(PassClient, EndsACallAtItsDeadline) {
  ScriptedServer server;
  server.hang = true;
  const CallStatus status =
      PassClient(server.address()).Generate({}, {.timeout_seconds = 0.05}, [](const v1::GenerateResponse&) {
        return true;
      });
  EXPECT_EQ(status.code, grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST(PassClient, TakesAnEndlessTimeoutForNoDeadline) {
  ScriptedServer server;
  v1::TokenizeResponse response;
  EXPECT_TRUE(PassClient(server.address()).Tokenize({}, {.timeout_seconds = 1e300}, &response).ok());
}

TEST(PassClient, TokenizesAndDetokenizes) {
  ScriptedServer server;
  const PassClient client(server.address());
  v1::TokenizeRequest request;
  request.set_text("hi");
  v1::TokenizeResponse tokens;
  ASSERT_TRUE(client.Tokenize(request, {}, &tokens).ok());
  EXPECT_THAT(tokens.token_ids(), ElementsAre(1000 + 'h', 1000 + 'i'));
  v1::DetokenizeRequest back;
  *back.mutable_token_ids() = tokens.token_ids();
  v1::DetokenizeResponse text;
  ASSERT_TRUE(client.Detokenize(back, {}, &text).ok());
  EXPECT_EQ(text.text(), "hi");
}

TEST(PassClient, TellsServingFromNotServingAndUnknownServices) {
  ScriptedServer server;
  server.SetServing("ready", true);
  server.SetServing("draining", false);
  const PassClient client(server.address());
  PassClient::Health health = PassClient::Health::kUnknown;
  ASSERT_TRUE(client.CheckHealth("ready", {}, &health).ok());
  EXPECT_EQ(health, PassClient::Health::kServing);
  ASSERT_TRUE(client.CheckHealth("draining", {}, &health).ok());
  EXPECT_EQ(health, PassClient::Health::kNotServing);
  EXPECT_EQ(client.CheckHealth("nobody", {}, &health).code, grpc::StatusCode::NOT_FOUND);
}

TEST(PassClient, SaysThatNobodyListens) {
  std::string address;
  { address = ScriptedServer().address(); }
  v1::GetModelInfoResponse info;
  const CallStatus status = PassClient(address).GetModelInfo({}, &info);
  EXPECT_EQ(status.code, grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.ToString(), HasSubstr("UNAVAILABLE: "));
}

}  // namespace
}  // namespace pass
