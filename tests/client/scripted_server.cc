#include "tests/client/scripted_server.h"

#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/health_check_service_interface.h>

namespace pass {
namespace {

constexpr int kFirstCharacter = 1000;

}  // namespace

ScriptedServer::ScriptedServer() {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  address_ = "127.0.0.1:" + std::to_string(port);
}

ScriptedServer::~ScriptedServer() { server_->Shutdown(std::chrono::system_clock::now()); }

void ScriptedServer::SetServing(const std::string& service, bool serving) {
  server_->GetHealthCheckService()->SetServingStatus(service, serving);
}

grpc::Status ScriptedServer::Generate(grpc::ServerContext*, const v1::GenerateRequest* request,
                                      grpc::ServerWriter<v1::GenerateResponse>* writer) {
  requests.push_back(*request);
  const auto own = messages_of_method.find(request->speculation().method());
  for (const v1::GenerateResponse& message : own != messages_of_method.end() ? own->second : messages) {
    writer->Write(message);
  }
  // Writing until the transport refuses is how a synchronous handler learns of a cancel without a timer.
  while (hang && writer->Write(Step("", 0, 0, 0))) {
  }
  return status;
}

grpc::Status ScriptedServer::Complete(grpc::ServerContext*, const v1::GenerateRequest* request,
                                      v1::CompleteResponse* response) {
  requests.push_back(*request);
  for (const v1::GenerateResponse& message : messages) {
    response->mutable_token_ids()->MergeFrom(message.token_ids());
    response->mutable_text()->append(message.text());
    if (message.has_finish()) *response->mutable_finish() = message.finish();
  }
  return status;
}

grpc::Status ScriptedServer::Tokenize(grpc::ServerContext*, const v1::TokenizeRequest* request,
                                      v1::TokenizeResponse* response) {
  tokenize_requests.push_back(*request);
  for (const char character : request->text()) {
    response->add_token_ids(kFirstCharacter + character);
  }
  return status;
}

grpc::Status ScriptedServer::Detokenize(grpc::ServerContext*, const v1::DetokenizeRequest* request,
                                        v1::DetokenizeResponse* response) {
  detokenize_requests.push_back(*request);
  std::string* text = response->mutable_text();
  for (int i = 0; i < request->token_ids_size(); ++i) {
    const int id = request->token_ids(i);
    if (id == 1 && i + 1 < request->token_ids_size() && request->token_ids(i + 1) == 2) {
      text->append("é");
      ++i;
    } else if (id >= kFirstCharacter) {
      text->push_back(static_cast<char>(id - kFirstCharacter));
    } else {
      text->append("\xef\xbf\xbd");
    }
  }
  return grpc::Status::OK;
}

grpc::Status ScriptedServer::GetModelInfo(grpc::ServerContext*, const v1::GetModelInfoRequest*,
                                          v1::GetModelInfoResponse* response) {
  *response = info;
  return status;
}

v1::GenerateResponse Step(const std::string& characters, int drafted, int accepted, int forwards) {
  v1::GenerateResponse message;
  for (const char character : characters) {
    message.add_token_ids(kFirstCharacter + character);
  }
  message.set_text(characters);
  v1::StepSpeculation* speculation = message.mutable_speculation();
  speculation->set_method(forwards == 1 ? "plain" : "pass");
  speculation->set_drafted(drafted);
  speculation->set_accepted(accepted);
  speculation->set_rows(2 * drafted + forwards);
  speculation->set_forwards(forwards);
  speculation->set_step_seconds(0.25);
  return message;
}

v1::GenerateResponse End(int completion_tokens) {
  v1::GenerateResponse message;
  v1::Finish* finish = message.mutable_finish();
  finish->set_reason(v1::FINISH_REASON_LENGTH);
  finish->mutable_usage()->set_prompt_tokens(5);
  finish->mutable_usage()->set_completion_tokens(completion_tokens);
  finish->mutable_timing()->set_decode_seconds(2);
  finish->mutable_timing()->set_first_token_seconds(0.5);
  finish->mutable_speculation()->set_validation_steps(4);
  finish->mutable_speculation()->set_forwards(10);
  finish->mutable_speculation()->set_drafted(12);
  finish->mutable_speculation()->set_accepted(6);
  finish->mutable_speculation()->set_acceptance_rate(0.5);
  finish->mutable_speculation()->set_mean_accepted_length(1.5);
  finish->set_seed(99);
  return message;
}

grpc::Status RichError() {
  google::rpc::BadRequest bad_request;
  auto* first = bad_request.add_field_violations();
  first->set_field("sampling.top_p");
  first->set_description("must be in (0, 1]");
  auto* second = bad_request.add_field_violations();
  second->set_field("stopping.max_tokens");
  second->set_description("must be at least 1");
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(1);
  retry.mutable_retry_delay()->set_nanos(500'000'000);
  google::rpc::Status details;
  details.set_code(grpc::StatusCode::INVALID_ARGUMENT);
  details.set_message("bad request");
  details.add_details()->PackFrom(bad_request);
  details.add_details()->PackFrom(retry);
  return {grpc::StatusCode::INVALID_ARGUMENT, "bad request", details.SerializeAsString()};
}

}  // namespace pass
