// What clients see of a server that is well: streams, unary calls, and refusals by name.
#include <gmock/gmock.h>
#include <google/protobuf/unknown_field_set.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "core/text/byte_token.h"
#include "server/status_conversion.h"
#include "tests/fakes/byte_tokenizer.h"
#include "tests/server/error_details.h"
#include "tests/server/test_server.h"

namespace pass {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Generate, EndsWithOneFinishWhoseNumbersAreTheSumsOfTheMessages) {
  TestServer server;
  for (const std::string method : {"plain", "pass"}) {
    const StreamResult stream = ReadStream(server.stub(), TextRequest("Once", 40, method));
    ASSERT_TRUE(stream.status.ok()) << stream.status.error_message();
    ASSERT_FALSE(stream.messages.empty());
    int64_t drafted = 0, accepted = 0, forwards = 0;
    for (size_t i = 0; i < stream.messages.size(); ++i) {
      const v1::GenerateResponse& message = stream.messages[i];
      EXPECT_EQ(message.has_finish(), i + 1 == stream.messages.size());
      EXPECT_EQ(message.speculation().method(), message.has_speculation() ? method : "");
      drafted += message.speculation().drafted();
      accepted += message.speculation().accepted();
      forwards += message.speculation().forwards();
    }
    const v1::Finish& finish = stream.messages.back().finish();
    EXPECT_EQ(finish.reason(), v1::FINISH_REASON_LENGTH);
    EXPECT_EQ(finish.usage().prompt_tokens(), 4);
    EXPECT_EQ(finish.usage().completion_tokens(), 40);
    EXPECT_EQ(stream.token_ids().size(), 40u);
    EXPECT_EQ(finish.speculation().drafted(), drafted);
    EXPECT_EQ(finish.speculation().accepted(), accepted);
    EXPECT_EQ(finish.speculation().forwards(), forwards);
    EXPECT_GT(finish.timing().total_seconds(), 0);
    EXPECT_EQ(drafted > 0, method == "pass");
  }
}

TEST(Generate, MessagesJoinedAreWhatCompleteReturns) {
  TestServer server;
  for (const std::string method : {"plain", "pass", "auto"}) {
    for (const double temperature : {0.0, 1.3}) {
      v1::GenerateRequest request = TextRequest("Twice upon a time", 60, method);
      request.mutable_sampling()->set_temperature(temperature);
      request.mutable_sampling()->set_seed(11);
      const StreamResult stream = ReadStream(server.stub(), request);
      const CompleteResult complete = CallComplete(server.stub(), request);
      ASSERT_TRUE(stream.status.ok() && complete.status.ok()) << complete.status.error_message();
      const auto& ids = complete.response.token_ids();
      EXPECT_EQ(stream.token_ids(), std::vector<int>(ids.begin(), ids.end())) << method << " " << temperature;
      EXPECT_EQ(stream.text(), complete.response.text());
      EXPECT_EQ(complete.response.finish().seed(), 11u);
    }
  }
}

TEST(Generate, GreedyPassIsGreedyPlain) {
  TestServer server;
  const StreamResult plain = ReadStream(server.stub(), TextRequest("abc", 100, "plain"));
  const StreamResult pass = ReadStream(server.stub(), TextRequest("abc", 100, "pass"));
  EXPECT_EQ(plain.token_ids(), pass.token_ids());
  EXPECT_EQ(plain.text(), pass.text());
  EXPECT_LT(pass.messages.back().finish().speculation().validation_steps(), 50);
}

TEST(Generate, StopsBeforeAStopStringAndNamesIt) {
  std::vector<TokenId> script(3, 'x');
  for (const char c : std::string("one two END three")) script.push_back(c);
  TestServer server({.logits = ScriptedLogits(script)});
  for (const std::string method : {"plain", "pass"}) {
    v1::GenerateRequest request = TextRequest("xxx", 17, method);
    request.mutable_stopping()->add_stop("END");
    const StreamResult stream = ReadStream(server.stub(), request);
    ASSERT_TRUE(stream.status.ok()) << stream.status.error_message();
    EXPECT_EQ(stream.text(), "one two ");
    EXPECT_EQ(stream.messages.back().finish().reason(), v1::FINISH_REASON_STOP);
    EXPECT_EQ(stream.messages.back().finish().stop_string(), "END");
    EXPECT_EQ(stream.token_ids().size(), 11u);
  }
}

TEST(Generate, ReturnsADrawnSeedThatGivesTheSameOutputAgain) {
  TestServer server;
  v1::GenerateRequest request = TextRequest("seed", 30);
  request.mutable_sampling()->set_temperature(1);
  const StreamResult first = ReadStream(server.stub(), request);
  const uint64_t seed = first.messages.back().finish().seed();
  EXPECT_LT(seed, uint64_t{1} << 53);
  request.mutable_sampling()->set_seed(seed);
  EXPECT_EQ(ReadStream(server.stub(), request).token_ids(), first.token_ids());
}

TEST(Generate, NamesEveryViolationAtOnce) {
  TestServer server;
  v1::GenerateRequest request;
  request.set_request_id("with space");
  request.mutable_sampling()->set_temperature(std::numeric_limits<double>::quiet_NaN());
  request.mutable_sampling()->set_top_k(-1);
  request.mutable_sampling()->set_top_p(0);
  request.mutable_sampling()->set_min_p(std::numeric_limits<double>::infinity());
  request.mutable_stopping()->set_max_tokens(0);
  request.mutable_stopping()->add_stop("");
  request.mutable_stopping()->add_stop_ids(257);
  request.mutable_speculation()->set_method("guess");
  request.mutable_speculation()->set_lookahead(5);
  const StreamResult stream = ReadStream(server.stub(), request);
  EXPECT_EQ(stream.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(ViolatedFields(stream.status),
              ElementsAre("request_id", "sampling.temperature", "sampling.top_k", "sampling.top_p",
                          "sampling.min_p", "stopping.max_tokens", "stopping.stop[0]", "stopping.stop_ids[0]",
                          "speculation.method", "speculation.lookahead", "prompt"));
  EXPECT_EQ(server.Metric("pass_rejected_requests_total{reason=\"invalid\"}"), 1);
}

TEST(Generate, CountsViolationsThatWouldNotFitIntoTheTrailers) {
  TestServer server(
      {.model = {.vocab_size = 257, .context_length = 8192, .page_tokens = 16, .total_pages = 1024}});
  v1::GenerateRequest request;
  for (int i = 0; i < 5000; ++i) request.mutable_token_ids()->add_ids(-1 - i);
  const StreamResult stream = ReadStream(server.stub(), request);
  EXPECT_EQ(stream.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ViolatedFields(stream.status).size(), Violations::kMaxReported);
  EXPECT_THAT(stream.status.error_message(), HasSubstr("and 4984 more"));
}

TEST(Generate, RefusesAFieldThatItDoesNotKnow) {
  TestServer server;
  v1::GenerateRequest request = TextRequest("hi", 4);
  request.mutable_sampling()
      ->GetReflection()
      ->MutableUnknownFields(request.mutable_sampling())
      ->AddVarint(77, 1);
  const StreamResult stream = ReadStream(server.stub(), request);
  EXPECT_EQ(stream.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(ViolatedFields(stream.status), ElementsAre("sampling.#77"));
}

TEST(Generate, RefusesAnotherModelsName) {
  TestServer server;
  v1::GenerateRequest request = TextRequest("hi", 4);
  request.set_model("another");
  EXPECT_EQ(ReadStream(server.stub(), request).status.error_code(), grpc::StatusCode::NOT_FOUND);
  request.set_model(server.model().info.name);
  EXPECT_TRUE(ReadStream(server.stub(), request).status.ok());
}

TEST(Generate, RefusesPassWithoutLookaheadTokens) {
  TestServer server({.model = {.vocab_size = 257,
                               .context_length = 64,
                               .num_lookahead = 0,
                               .page_tokens = 16,
                               .total_pages = 64}});
  v1::GenerateRequest request = TextRequest("hi", 4, "pass");
  request.mutable_speculation()->set_lookahead(4);
  EXPECT_EQ(ReadStream(server.stub(), request).status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(CallComplete(server.stub(), request).status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_TRUE(ReadStream(server.stub(), TextRequest("hi", 4, "auto")).status.ok());
}

TEST(Generate, RefusesAChatForAModelWithoutATemplate) {
  TestServer server;
  v1::GenerateRequest request;
  auto* message = request.mutable_chat()->add_messages();
  message->set_role("user");
  message->set_content("hello");
  const grpc::Status status = ReadStream(server.stub(), request).status;
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("no chat template; send text or token_ids"));
}

TEST(Generate, SaysWhatOfAChatTemplateItDoesNotUnderstand) {
  const ByteTokenizer tokenizer;
  v1::GenerateRequest request;
  auto* message = request.mutable_chat()->add_messages();
  message->set_role("user");
  message->set_content("hello");
  // None of it, chats with a system message alone, and a token that the vocabulary lacks.
  for (const auto& [text, role, words] :
       {std::tuple("{% include 'x' %}", "user", "'include'"),
        std::tuple("{% for m in messages %}{% if m.role == 'system' %}{{ m | tojson }}{% else %}"
                   "{{ m.content }}{% endif %}{% endfor %}",
                   "system", "'tojson'"),
        std::tuple("{{ '<|im_start|>' + messages[0].content }}", "user", "<|im_start|>")}) {
    TestServer server({.chat_template = ReadChatTemplate(text, {}, tokenizer)});
    message->set_role(role);
    const grpc::Status status = ReadStream(server.stub(), request).status;
    EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION) << text;
    EXPECT_THAT(status.error_message(), HasSubstr(words));
  }
}

TEST(Generate, RefusesAnIdThatIsInFlightAndTakesItAgainAfterwards) {
  TestServer server;
  server.gate().Close();
  v1::GenerateRequest request = TextRequest("hi", 4);
  request.set_request_id("twin");
  grpc::ClientContext context;
  const auto reader = server.stub().Generate(&context, request);
  server.gate().AwaitHeld();
  EXPECT_EQ(CallComplete(server.stub(), request).status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  server.gate().Open();
  for (v1::GenerateResponse message; reader->Read(&message);) {
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_TRUE(CallComplete(server.stub(), request).status.ok());
}

TEST(Generate, LeavesMessagesThatAreTooLargeOrNoUtf8ToGrpc) {
  TestServer server({.grpc = {.max_message_mib = 1}});
  const std::string large(2 << 20, 'x');
  EXPECT_EQ(ReadStream(server.stub(), TextRequest(large, 4)).status.error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_FALSE(ReadStream(server.stub(), TextRequest("\xff\xfe", 4)).status.ok());
  EXPECT_TRUE(ReadStream(server.stub(), TextRequest("still here", 4)).status.ok());
}

TEST(Tokenize, IsUndoneByDetokenize) {
  TestServer server;
  v1::TokenizeRequest request;
  request.set_text("na\xc3\xafve <end>");
  v1::TokenizeResponse tokens;
  grpc::ClientContext first;
  ASSERT_TRUE(server.stub().Tokenize(&first, request, &tokens).ok());
  EXPECT_EQ(tokens.token_ids_size(), 12);
  v1::DetokenizeRequest back;
  *back.mutable_token_ids() = tokens.token_ids();
  v1::DetokenizeResponse text;
  grpc::ClientContext second;
  ASSERT_TRUE(server.stub().Detokenize(&second, back, &text).ok());
  EXPECT_EQ(text.text(), request.text());

  request.set_parse_control(true);
  grpc::ClientContext third;
  ASSERT_TRUE(server.stub().Tokenize(&third, request, &tokens).ok());
  EXPECT_EQ(tokens.token_ids(7), ByteTokenizer::kEnd);
}

TEST(Tokenize, LeavesItsFailureInTheLogUnderTheIdThatItNames) {
  TestServer server({.broken_text = "hello"});
  v1::TokenizeRequest request;
  request.set_text("hello");
  v1::TokenizeResponse tokens;
  grpc::ClientContext context;
  testing::internal::CaptureStderr();
  const grpc::Status status = server.stub().Tokenize(&context, request, &tokens);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  const std::string id = status.error_message().substr(status.error_message().rfind(' ') + 1);
  EXPECT_THAT(log, AllOf(HasSubstr("id=" + id + " "), HasSubstr("PCRE2 error -47")));
}

TEST(CallsWithoutTheEngine, RefuseAFieldThatTheyDoNotKnow) {
  TestServer server;
  const auto refused = [](auto request, const auto& call) {
    request.GetReflection()->MutableUnknownFields(&request)->AddVarint(77, 1);
    grpc::ClientContext context;
    const grpc::Status status = call(&context, request);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(ViolatedFields(status), ElementsAre("#77"));
  };
  refused(v1::TokenizeRequest(), [&](grpc::ClientContext* context, const v1::TokenizeRequest& request) {
    v1::TokenizeResponse response;
    return server.stub().Tokenize(context, request, &response);
  });
  refused(v1::DetokenizeRequest(), [&](grpc::ClientContext* context, const v1::DetokenizeRequest& request) {
    v1::DetokenizeResponse response;
    return server.stub().Detokenize(context, request, &response);
  });
  refused(v1::GetModelInfoRequest(),
          [&](grpc::ClientContext* context, const v1::GetModelInfoRequest& request) {
            v1::GetModelInfoResponse response;
            return server.stub().GetModelInfo(context, request, &response);
          });
}

TEST(Detokenize, ReplacesWhatIsNoUtf8AndRefusesWhatIsNoToken) {
  TestServer server;
  v1::DetokenizeRequest request;
  for (const int id : {0x61, 0xff, 0x62, 0xc3}) request.add_token_ids(id);
  v1::DetokenizeResponse response;
  grpc::ClientContext first;
  ASSERT_TRUE(server.stub().Detokenize(&first, request, &response).ok());
  EXPECT_EQ(response.text(),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd");
  request.add_token_ids(-1);
  grpc::ClientContext second;
  const grpc::Status refused = server.stub().Detokenize(&second, request, &response);
  EXPECT_THAT(ViolatedFields(refused), ElementsAre("token_ids[4]"));
}

// Bytes, then "\u2581Hello" and "\u2581" as SentencePiece writes words.
TokenizerSpec SentencePieceSpec() {
  TokenizerSpec spec;
  spec.alphabet = Alphabet::kCharacters;
  spec.strips_first_space = true;
  for (int byte = 0; byte < 256; ++byte) spec.tokens.push_back(ByteToken(static_cast<uint8_t>(byte)));
  spec.tokens.insert(spec.tokens.end(), {"\xE2\x96\x81Hello", "\xE2\x96\x81"});
  spec.scores.resize(spec.tokens.size());
  return spec;
}

TEST(Detokenize, TakesAwayTheSpaceBeforeATextButNotBeforeWhatContinues) {
  constexpr TokenId kHello = 256, kMark = 257;
  TestServer server({.model = {.vocab_size = 258, .context_length = 64, .page_tokens = 16, .total_pages = 64},
                     .logits = ScriptedLogits({kHello}),
                     .tokenizer = SentencePieceSpec()});
  const auto text = [&](const std::vector<TokenId>& ids, bool continues) {
    v1::DetokenizeRequest request;
    request.mutable_token_ids()->Assign(ids.begin(), ids.end());
    if (continues) request.set_continues(true);
    v1::DetokenizeResponse response;
    grpc::ClientContext context;
    EXPECT_TRUE(server.stub().Detokenize(&context, request, &response).ok());
    return response.text();
  };
  EXPECT_EQ(text({kHello, kHello}, /*continues=*/false), "Hello Hello");
  EXPECT_EQ(text({kHello, kHello}, /*continues=*/true), " Hello Hello");
  EXPECT_EQ(text({kMark, kMark, 'b'}, /*continues=*/false), " b");
  EXPECT_EQ(text({'b', kHello}, /*continues=*/false), "b Hello");
  // A completion continues its prompt.
  v1::GenerateRequest request = TextRequest("", 2, "plain");
  request.mutable_token_ids()->add_ids('b');
  EXPECT_EQ(CallComplete(server.stub(), request).response.text(), " Hello Hello");
}

TEST(GetModelInfo, NamesWhatARequestMayChoose) {
  TestServer server;
  v1::GetModelInfoResponse info;
  grpc::ClientContext context;
  ASSERT_TRUE(server.stub().GetModelInfo(&context, {}, &info).ok());
  EXPECT_EQ(info.vocab_size(), 257);
  EXPECT_EQ(info.context_length(), 256);
  EXPECT_EQ(info.lookahead(), 4);
  EXPECT_EQ(info.chat_format(), "none");
  EXPECT_THAT(info.end_of_sequence_ids(), ElementsAre(ByteTokenizer::kEnd));
  EXPECT_THAT(info.methods(), ElementsAre("auto", "plain", "pass", "tree"));
}

}  // namespace
}  // namespace pass
