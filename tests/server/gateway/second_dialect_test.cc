// Two dialects in front of one gateway: the second one's messages are known to this file only.
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "core/text/text_model.h"
#include "echo.grpc.pb.h"
#include "server/dialects/pass_v1/service.h"
#include "server/gateway/stream_reactor.h"
#include "server/gateway/unary_reactor.h"
#include "tests/server/test_server.h"

namespace pass {
namespace {

using echo_test::Echo;
using echo_test::Piece;
using echo_test::Prompt;

struct EchoReply {
  using Message = Piece;
  void AddStep(const StepReport& report, Message* message) const {
    message->mutable_text()->append(report.text);
  }
  void AddFinish(const FinishReport& /*report*/, Message* message) const { message->set_last(true); }
};

class EchoService final : public Echo::CallbackService {
 public:
  explicit EchoService(const Gateway* gateway) : gateway_(*gateway) {}

  grpc::ServerWriteReactor<Piece>* Stream(grpc::CallbackServerContext* context,
                                          const Prompt* prompt) override {
    return AnswerWithStream<EchoReply>(gateway_, context, "Stream", [prompt](const ServedModel& model) {
      return Translate(*prompt, model);
    });
  }

  grpc::ServerUnaryReactor* Whole(grpc::CallbackServerContext* context, const Prompt* prompt,
                                  Piece* response) override {
    return AnswerWithMessage<EchoReply>(
        gateway_, context, "Whole", [prompt](const ServedModel& model) { return Translate(*prompt, model); },
        response);
  }

 private:
  static absl::StatusOr<GenerationRequest> Translate(const Prompt& prompt, const ServedModel& model) {
    GenerationRequest request;
    request.id = prompt.id();
    request.max_tokens = prompt.max_tokens();
    request.sampling.temperature = 0;
    request.ignore_eos = true;
    request.method = Method::kPlain;
    PASS_ASSIGN_OR_RETURN(request.prompt,
                          EncodeText(prompt.text(), *model.text.tokenizer, /*add_bos=*/false));
    return request;
  }

  const Gateway& gateway_;
};

// A second door to the test server's gateway, which has both services.
class TwoDialects {
 public:
  explicit TwoDialects(TestServer& server) {
    std::vector<NamedService> services;
    services.push_back(pass_v1::MakeService(&server.gateway()));
    services.push_back({.full_name = Echo::service_full_name(),
                        .service = std::make_unique<EchoService>(&server.gateway())});
    auto grpc = GrpcServer::Start({}, grpc::InsecureServerCredentials(), std::move(services));
    EXPECT_TRUE(grpc.ok()) << grpc.status();
    grpc_ = *std::move(grpc);
    const auto channel = grpc::CreateChannel(grpc_->address(), grpc::InsecureChannelCredentials());
    pass_ = v1::PassService::NewStub(channel);
    echo_ = Echo::NewStub(channel);
  }

  v1::PassService::Stub& pass() { return *pass_; }
  Echo::Stub& echo() { return *echo_; }

 private:
  std::unique_ptr<GrpcServer> grpc_;
  std::unique_ptr<v1::PassService::Stub> pass_;
  std::unique_ptr<Echo::Stub> echo_;
};

Prompt MakePrompt(const std::string& id, const std::string& text, int max_tokens) {
  Prompt prompt;
  prompt.set_id(id);
  prompt.set_text(text);
  prompt.set_max_tokens(max_tokens);
  return prompt;
}

grpc::Status CallWhole(Echo::Stub& stub, const Prompt& prompt, Piece* piece) {
  grpc::ClientContext context;
  return stub.Whole(&context, prompt, piece);
}

TEST(SecondDialect, SaysTheSameTextInItsOwnMessages) {
  TestServer server;
  TwoDialects dialects(server);
  const CompleteResult expected = CallComplete(dialects.pass(), TextRequest("Once", 40));
  ASSERT_TRUE(expected.status.ok()) << expected.status.error_message();
  Piece whole;
  ASSERT_TRUE(CallWhole(dialects.echo(), MakePrompt("a", "Once", 40), &whole).ok());
  EXPECT_EQ(whole.text(), expected.response.text());
  EXPECT_TRUE(whole.last());

  grpc::ClientContext context;
  const auto reader = dialects.echo().Stream(&context, MakePrompt("b", "Once", 40));
  std::string text;
  bool last = false;
  for (Piece piece; reader->Read(&piece);) {
    EXPECT_FALSE(last);
    text += piece.text();
    last = piece.last();
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_TRUE(last);
  EXPECT_EQ(text, expected.response.text());
  EXPECT_EQ(server.Metric("pass_requests_total{outcome=\"length\"}"), 3);
}

TEST(SecondDialect, SharesTheIdsInFlightWithTheFirst) {
  TestServer server;
  TwoDialects dialects(server);
  server.gate().Close();
  v1::GenerateRequest request = TextRequest("Once", 5);
  request.set_request_id("taken");
  auto running = std::async(std::launch::async, [&] { return CallComplete(dialects.pass(), request); });
  server.gate().AwaitHeld();
  Piece piece;
  EXPECT_EQ(CallWhole(dialects.echo(), MakePrompt("taken", "Once", 5), &piece).error_code(),
            grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(server.Metric("pass_rejected_requests_total{reason=\"duplicate_id\"}"), 1);
  server.gate().Open();
  EXPECT_TRUE(running.get().status.ok());
  EXPECT_TRUE(CallWhole(dialects.echo(), MakePrompt("taken", "Once", 5), &piece).ok());
}

TEST(SecondDialect, IsRefusedWithTheFirstWhileTheModelLoads) {
  TestServer server({.serve = false});
  TwoDialects dialects(server);
  Piece piece;
  EXPECT_EQ(CallWhole(dialects.echo(), MakePrompt("a", "Once", 5), &piece).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(server.Metric("pass_rejected_requests_total{reason=\"loading\"}"), 1);
}

}  // namespace
}  // namespace pass
