#include "tests/server/test_server.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <sstream>
#include <utility>

#include "server/dialects/pass_v1/service.h"
#include "server/logging.h"
#include "tests/fakes/byte_tokenizer.h"

namespace pass {

void Gate::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
}

void Gate::Open() {
  absl::MutexLock lock(&mutex_);
  closed_ = false;
}

void Gate::Pass() {
  absl::MutexLock lock(&mutex_);
  ++held_;
  const auto open = [this] {
    mutex_.AssertReaderHeld();
    return !closed_;
  };
  mutex_.Await(absl::Condition(&open));
  --held_;
}

void Gate::AwaitHeld() {
  absl::MutexLock lock(&mutex_);
  const auto held = [this] {
    mutex_.AssertReaderHeld();
    return closed_ && held_ > 0;
  };
  mutex_.Await(absl::Condition(&held));
}

absl::StatusOr<std::unique_ptr<GrpcServer>> StartGrpcServer(const GrpcServerOptions& options,
                                                            const Gateway* gateway) {
  std::vector<NamedService> services;
  services.push_back(pass_v1::MakeService(gateway));
  return GrpcServer::Start(options, grpc::InsecureServerCredentials(), std::move(services));
}

TestServer::TestServer(TestServerOptions options)
    : metrics_(&clock_),
      gateway_(options.gateway, &metrics_, &clock_),
      table_(options.model, std::move(options.logits)) {
  static const absl::Status quiet = ConfigureLogging("text", "error");
  EXPECT_TRUE(quiet.ok());
  table_.OnForward([this](std::span<const Row>) {
    gate_.Pass();
    return absl::OkStatus();
  });
  std::unique_ptr<Tokenizer> tokenizer = std::make_unique<ByteTokenizer>(options.broken_text);
  if (options.tokenizer) tokenizer = *Tokenizer::Create(*std::move(options.tokenizer));
  absl::StatusOr<ServedModel> served = MakeServedModel(table_, {.tokenizer = std::move(tokenizer),
                                                                .end_of_sequence_ids = {ByteTokenizer::kEnd},
                                                                .chat_template = options.chat_template});
  EXPECT_TRUE(served.ok()) << served.status();
  served_ = *std::move(served);
  engine_ = std::make_unique<EngineThread>(
      std::make_unique<Engine>(&table_, served_.text.tokenizer.get(), served_.text.end_of_sequence_ids,
                               options.engine, &metrics_, &clock_),
      options.max_queue, &clock_);
  if (options.serve) gateway_.Serve(&served_, engine_.get());
  auto grpc = StartGrpcServer(options.grpc, &gateway_);
  EXPECT_TRUE(grpc.ok()) << grpc.status();
  grpc_ = *std::move(grpc);
  channel_ = grpc::CreateChannel(grpc_->address(), grpc::InsecureChannelCredentials());
  stub_ = v1::PassService::NewStub(channel_);
}

TestServer::~TestServer() {
  gate_.Open();
  if (!stopped_) DrainAndStop();
}

void TestServer::DrainAndStop(absl::Duration last_messages) {
  stopped_ = true;
  gateway_.StopAccepting();
  engine_->Drain(clock_.Now());
  grpc_->Shutdown(clock_.Now() + last_messages);
}

std::string TestServer::MetricsText() {
  return prometheus::TextSerializer().Serialize(metrics_.registry()->Collect());
}

double TestServer::Metric(const std::string& series) {
  std::istringstream lines(MetricsText());
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(series + " ")) return std::stod(line.substr(series.size() + 1));
  }
  ADD_FAILURE() << "no series " << series;
  return -1;
}

v1::GenerateRequest TextRequest(const std::string& text, int max_tokens, const std::string& method) {
  v1::GenerateRequest request;
  request.set_text(text);
  request.mutable_sampling()->set_temperature(0);
  request.mutable_stopping()->set_max_tokens(max_tokens);
  request.mutable_stopping()->set_ignore_eos(true);
  request.mutable_speculation()->set_method(method);
  return request;
}

GenerationRequest EngineRequest(const std::string& id) {
  GenerationRequest request;
  request.id = id;
  request.prompt = {1, 2, 3};
  request.max_tokens = 5;
  request.ignore_eos = true;
  request.method = Method::kPlain;
  return request;
}

std::vector<int> StreamResult::token_ids() const {
  std::vector<int> ids;
  for (const auto& message : messages)
    ids.insert(ids.end(), message.token_ids().begin(), message.token_ids().end());
  return ids;
}

std::string StreamResult::text() const {
  std::string text;
  for (const auto& message : messages) text += message.text();
  return text;
}

StreamResult ReadStream(v1::PassService::Stub& stub, const v1::GenerateRequest& request) {
  StreamResult result;
  grpc::ClientContext context;
  const auto reader = stub.Generate(&context, request);
  for (v1::GenerateResponse message; reader->Read(&message);) result.messages.push_back(message);
  result.status = reader->Finish();
  return result;
}

CompleteResult CallComplete(v1::PassService::Stub& stub, const v1::GenerateRequest& request) {
  CompleteResult result;
  grpc::ClientContext context;
  result.status = stub.Complete(&context, request, &result.response);
  return result;
}

}  // namespace pass
