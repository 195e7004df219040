// Each check of a request, without a server.
#include "server/dialects/pass_v1/translate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "server/logging.h"
#include "server/status_conversion.h"
#include "tests/fakes/byte_tokenizer.h"
#include "tests/server/error_details.h"

namespace pass::pass_v1 {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

ServedModel Model(int num_lookahead = 4) {
  ServedModel model;
  model.info.name = "table";
  model.info.vocab_size = 257;
  model.info.context_length = 100;
  model.info.num_lookahead = num_lookahead;
  model.text.tokenizer = std::make_unique<ByteTokenizer>();
  model.max_sequence_tokens = 100;
  return model;
}

const RequestLimits kLimits = {.max_prompt_bytes = 200};

v1::GenerateRequest Valid() {
  v1::GenerateRequest request;
  request.set_text("hello");
  return request;
}

std::vector<std::string> FieldsRefused(const std::function<void(v1::GenerateRequest&)>& change) {
  v1::GenerateRequest request = Valid();
  change(request);
  const auto result = Translate(request, Model(), kLimits);
  if (result.ok()) return {};
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument) << result.status();
  return ViolatedFields(ToGrpcStatus(result.status()));
}

TEST(Translate, FillsInTheDefaults) {
  const auto result = Translate(Valid(), Model(), kLimits);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->prompt, ElementsAre('h', 'e', 'l', 'l', 'o'));
  EXPECT_EQ(result->sampling.temperature, 1.0);
  EXPECT_EQ(result->sampling.top_k, 0);
  EXPECT_EQ(result->sampling.top_p, 1.0);
  EXPECT_EQ(result->sampling.min_p, 0.0);
  EXPECT_LT(result->sampling.seed, uint64_t{1} << 53);
  EXPECT_EQ(result->max_tokens, 95);  // 256, but the context ends earlier
  EXPECT_EQ(result->method, Method::kAuto);
  EXPECT_EQ(result->lookahead, 4);
  EXPECT_TRUE(result->skip_special_tokens);
  EXPECT_FALSE(result->ignore_eos || result->include_stop);
  EXPECT_EQ(result->id.size(), 16u);
  EXPECT_NE(result->id, Translate(Valid(), Model(), kLimits)->id);
}

TEST(Translate, TakesEveryOptionOver) {
  v1::GenerateRequest request = Valid();
  request.set_request_id("id-1");
  request.mutable_sampling()->set_temperature(0.5);
  request.mutable_sampling()->set_top_k(3);
  request.mutable_sampling()->set_top_p(0.9);
  request.mutable_sampling()->set_min_p(0.1);
  request.mutable_sampling()->set_seed(~uint64_t{0});
  request.mutable_stopping()->set_max_tokens(95);
  request.mutable_stopping()->add_stop("end");
  request.mutable_stopping()->add_stop_ids(0);
  request.mutable_stopping()->set_include_stop(true);
  request.mutable_stopping()->set_ignore_eos(true);
  request.mutable_speculation()->set_method("pass");
  request.mutable_speculation()->set_lookahead(0);
  request.set_skip_special_tokens(false);
  const auto result = Translate(request, Model(), kLimits);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->id, "id-1");
  EXPECT_EQ(result->sampling.temperature, 0.5);
  EXPECT_EQ(result->sampling.top_k, 3);
  EXPECT_EQ(result->sampling.top_p, 0.9);
  EXPECT_EQ(result->sampling.min_p, 0.1);
  EXPECT_EQ(result->sampling.seed, ~uint64_t{0});
  EXPECT_EQ(result->max_tokens, 95);
  EXPECT_THAT(result->stop, ElementsAre("end"));
  EXPECT_THAT(result->stop_ids, ElementsAre(0));
  EXPECT_TRUE(result->include_stop && result->ignore_eos);
  EXPECT_EQ(result->method, Method::kPass);
  EXPECT_EQ(result->lookahead, 0);
  EXPECT_FALSE(result->skip_special_tokens);
}

TEST(Translate, RefusesAnEmptyOrOversizedPrompt) {
  EXPECT_THAT(FieldsRefused([](auto& r) { r.clear_text(); }), ElementsAre("prompt"));
  EXPECT_THAT(FieldsRefused([](auto& r) { r.set_text(""); }), ElementsAre("text"));
  EXPECT_THAT(FieldsRefused([](auto& r) { r.set_text(std::string(201, 'x')); }), ElementsAre("text"));
  EXPECT_THAT(FieldsRefused([](auto& r) { r.set_text(std::string(100, 'x')); }), ElementsAre("text"));
  EXPECT_THAT(FieldsRefused([](auto& r) { r.mutable_token_ids(); }), ElementsAre("token_ids.ids"));
  EXPECT_THAT(FieldsRefused([](auto& r) {
                for (int i = 0; i < 100; ++i) r.mutable_token_ids()->add_ids(1);
              }),
              ElementsAre("token_ids.ids"));
  EXPECT_TRUE(FieldsRefused([](auto& r) { r.set_text(std::string(99, 'x')); }).empty());
}

TEST(Translate, RefusesTokenIdsOutsideTheEmbeddingTable) {
  EXPECT_THAT(FieldsRefused([](auto& r) {
                for (const int id : {0, 257, 256, -1, std::numeric_limits<int>::min()}) {
                  r.mutable_token_ids()->add_ids(id);
                }
              }),
              ElementsAre("token_ids.ids[1]", "token_ids.ids[3]", "token_ids.ids[4]"));
}

TEST(Translate, RefusesMoreThanTheContextOnlyWhenAskedFor) {
  EXPECT_THAT(FieldsRefused([](auto& r) { r.mutable_stopping()->set_max_tokens(96); }),
              ElementsAre("stopping.max_tokens"));
  EXPECT_THAT(
      FieldsRefused([](auto& r) { r.mutable_stopping()->set_max_tokens(std::numeric_limits<int>::max()); }),
      ElementsAre("stopping.max_tokens"));
  EXPECT_THAT(FieldsRefused([](auto& r) { r.mutable_stopping()->set_max_tokens(-5); }),
              ElementsAre("stopping.max_tokens"));
}

TEST(Translate, RefusesTooManyOrTooLongStops) {
  EXPECT_THAT(FieldsRefused([](auto& r) {
                for (int i = 0; i < 17; ++i) r.mutable_stopping()->add_stop(std::string(1, 'x'));
                for (int i = 0; i < 65; ++i) r.mutable_stopping()->add_stop_ids(1);
              }),
              ElementsAre("stopping.stop", "stopping.stop_ids"));
  EXPECT_THAT(FieldsRefused([](auto& r) {
                r.mutable_stopping()->add_stop(std::string(256, 'x'));
                r.mutable_stopping()->add_stop(std::string(257, 'x'));
              }),
              ElementsAre("stopping.stop[1]"));
}

TEST(Translate, RefusesBadChats) {
  EXPECT_THAT(FieldsRefused([](auto& r) { r.mutable_chat(); }), ElementsAre("chat.messages"));
  EXPECT_THAT(FieldsRefused([](auto& r) {
                r.mutable_chat()->add_messages()->set_role("user");
                r.mutable_chat()->add_messages()->set_role("root");
              }),
              ElementsAre("chat.messages[1].role"));
  EXPECT_THAT(FieldsRefused([](auto& r) {
                auto* message = r.mutable_chat()->add_messages();
                message->set_role("user");
                message->set_content(std::string(190, 'x'));
              }),
              ElementsAre("chat.messages"));
}

// What a model with this template answers to so many messages of a user.
std::string ChatRefusal(std::string_view chat_template, int num_messages) {
  ServedModel model = Model();
  model.text.chat_template = ReadChatTemplate(chat_template, {}, *model.text.tokenizer);
  EXPECT_EQ(model.text.chat_template.problem, "");
  v1::GenerateRequest request;
  for (int i = 0; i < num_messages; ++i) {
    v1::ChatMessage* message = request.mutable_chat()->add_messages();
    message->set_role("user");
    message->set_content("secret");
  }
  const absl::Status status = Translate(request, model, {.max_prompt_bytes = 1 << 20}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(ViolatedFields(ToGrpcStatus(status)), ElementsAre("chat.messages"));
  return std::string(status.message());
}

TEST(Translate, SaysThatAChatIsTooLongForItsTemplateAndNotThatTheQueueIsFull) {
  const std::string said = ChatRefusal(
      "{% for m in messages %}{% for i in range(5000) %}{% set x = i %}{% endfor %}{% endfor %}a", 100);
  EXPECT_THAT(said, AllOf(HasSubstr("too many"), HasSubstr("send fewer"), Not(HasSubstr("queue"))));
}

TEST(Translate, GivesTheWordsOfATemplateThatRefusesAChat) {
  EXPECT_THAT(
      ChatRefusal("{% if messages | length > 3 %}{{ raise_exception('At most\n3\x9b turns, not ' + "
                  "messages[0].content) }}{% endif %}a",
                  4),
      EndsWith("chat.messages: the chat template refuses these messages: At most 3\xEF\xBF\xBD turns, "
               "not ..."));
  const std::string long_words(1000, 'x');
  const std::string cut =
      ChatRefusal("{% if messages | length > 3 %}{{ raise_exception('" + long_words + "') }}{% endif %}a", 4);
  EXPECT_THAT(cut, AllOf(EndsWith("xxx..."), SizeIs(testing::Lt(400))));
}

TEST(Translate, LeavesAFailureOfTheTokenizerInTheLogUnderTheRequestsId) {
  ASSERT_TRUE(ConfigureLogging("text", "error").ok());
  ServedModel model = Model();
  model.text.tokenizer = std::make_unique<ByteTokenizer>("hello");
  v1::GenerateRequest request = Valid();
  request.set_request_id("id-7");
  testing::internal::CaptureStderr();
  const absl::Status status = Translate(request, model, kLimits).status();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("request id-7"), Not(HasSubstr("PCRE2"))));
  EXPECT_THAT(log, AllOf(HasSubstr("id=id-7"), HasSubstr("PCRE2 error -47")));
}

TEST(Translate, RefusesLongOrUnprintableIds) {
  for (const std::string& id :
       {std::string(), std::string(129, 'x'), std::string("a\nb"), std::string("\xc3\xa9")}) {
    EXPECT_THAT(FieldsRefused([&](auto& r) { r.set_request_id(id); }), ElementsAre("request_id")) << id;
  }
}

TEST(Translate, ChecksThePromptAlsoWhenOptionsAreWrong) {
  EXPECT_THAT(FieldsRefused([](auto& r) {
                r.mutable_sampling()->set_top_p(2);
                for (int i = 0; i < 3; ++i) r.mutable_token_ids()->add_ids(1);
                r.mutable_stopping()->set_max_tokens(98);
              }),
              ElementsAre("sampling.top_p", "stopping.max_tokens"));
}

TEST(Translate, FindsUnknownFieldsAtAnyDepth) {
  EXPECT_THAT(FieldsRefused([](auto& r) {
                auto add = [](google::protobuf::Message* message, int number) {
                  message->GetReflection()->MutableUnknownFields(message)->AddVarint(number, 1);
                };
                add(&r, 1000);
                r.mutable_chat()->add_messages()->set_role("user");
                r.mutable_chat()->add_messages()->set_role("user");
                add(r.mutable_chat()->mutable_messages(1), 9);
              }),
              ElementsAre("#1000", "chat.messages[1].#9"));
}

}  // namespace
}  // namespace pass::pass_v1
