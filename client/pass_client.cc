#include "client/pass_client.h"

#include <google/protobuf/wrappers.pb.h>
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <future>
#include <utility>

namespace pass {
namespace {

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  // A proxy from the environment seldom speaks HTTP/2, and would also be asked for loopback addresses.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

void ApplyOptions(const CallOptions& options, grpc::ClientContext* context) {
  constexpr double kMostSeconds = 1e8;  // the clock's type holds it; more is no deadline at all
  if (options.timeout_seconds.has_value() && *options.timeout_seconds < kMostSeconds) {
    context->set_deadline(std::chrono::system_clock::now() +
                          std::chrono::duration_cast<std::chrono::system_clock::duration>(
                              std::chrono::duration<double>(*options.timeout_seconds)));
  }
}

CallStatus FromGrpc(const grpc::Status& status) {
  CallStatus result;
  result.code = status.error_code();
  result.message = status.error_message();
  google::rpc::Status details;
  if (status.error_details().empty() || !details.ParseFromString(status.error_details())) {
    return result;
  }
  for (const google::protobuf::Any& detail : details.details()) {
    google::rpc::BadRequest bad_request;
    google::rpc::RetryInfo retry;
    if (detail.UnpackTo(&bad_request)) {
      for (const auto& violation : bad_request.field_violations()) {
        result.violations.push_back({.field = violation.field(), .description = violation.description()});
      }
    } else if (detail.UnpackTo(&retry)) {
      result.retry_after_seconds =
          static_cast<double>(retry.retry_delay().seconds()) + 1e-9 * retry.retry_delay().nanos();
    }
  }
  return result;
}

}  // namespace

PassClient::PassClient(const std::string& address)
    : channel_(Connect(address)), stub_(v1::PassService::NewStub(channel_)) {}

PassClient::~PassClient() = default;

CallStatus PassClient::Generate(const v1::GenerateRequest& request, const CallOptions& options,
                                const MessageCallback& on_message) const {
  grpc::ClientContext context;
  ApplyOptions(options, &context);
  const auto reader = stub_->Generate(&context, request);
  v1::GenerateResponse message;
  bool finished = false;
  while (reader->Read(&message)) {
    finished = finished || message.has_finish();
    if (!on_message(message)) {
      context.TryCancel();
      break;
    }
  }
  CallStatus status = FromGrpc(reader->Finish());
  if (status.ok() && !finished) {
    status.code = grpc::StatusCode::INTERNAL;
    status.message = "the stream ended without its last message";
  }
  return status;
}

CallStatus PassClient::Complete(const v1::GenerateRequest& request, const CallOptions& options,
                                v1::CompleteResponse* response) const {
  grpc::ClientContext context;
  ApplyOptions(options, &context);
  return FromGrpc(stub_->Complete(&context, request, response));
}

CallStatus PassClient::Tokenize(const v1::TokenizeRequest& request, const CallOptions& options,
                                v1::TokenizeResponse* response) const {
  grpc::ClientContext context;
  ApplyOptions(options, &context);
  return FromGrpc(stub_->Tokenize(&context, request, response));
}

CallStatus PassClient::Detokenize(const v1::DetokenizeRequest& request, const CallOptions& options,
                                  v1::DetokenizeResponse* response) const {
  grpc::ClientContext context;
  ApplyOptions(options, &context);
  return FromGrpc(stub_->Detokenize(&context, request, response));
}

CallStatus PassClient::GetModelInfo(const CallOptions& options, v1::GetModelInfoResponse* response) const {
  grpc::ClientContext context;
  ApplyOptions(options, &context);
  return FromGrpc(stub_->GetModelInfo(&context, {}, response));
}

CallStatus PassClient::CheckHealth(const std::string& service, const CallOptions& options,
                                   Health* health) const {
  // The health protocol's two messages have the wire form of these well-known types (a string, and an enum,
  // in field 1), which spares a generated copy of it.
  google::protobuf::StringValue request;
  google::protobuf::Int32Value response;
  request.set_value(service);
  grpc::ClientContext context;
  ApplyOptions(options, &context);
  grpc::TemplatedGenericStub<google::protobuf::StringValue, google::protobuf::Int32Value> stub(channel_);
  std::promise<grpc::Status> done;
  stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::StubOptions(), &request, &response,
                 [&done](grpc::Status status) { done.set_value(std::move(status)); });
  CallStatus status = FromGrpc(done.get_future().get());
  const int value = response.value();
  *health = value >= 0 && value <= 3 ? static_cast<Health>(value) : Health::kUnknown;
  return status;
}

}  // namespace pass
