// An in-process pass_server.v1 server whose answers a test writes down beforehand, and which keeps the requests that
// it got.
//
// Tokens are single characters: id 1000 + c stands for the ASCII character c; ids 1 and 2 are the two bytes
// of "é".
#pragma once

#include <grpcpp/grpcpp.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pass_server/v1/generation.grpc.pb.h"
#include "proto/messages.h"

namespace pass {

class ScriptedServer : public v1::PassService::Service {
 public:
  ScriptedServer();
  ~ScriptedServer() override;

  const std::string& address() const { return address_; }

  // The script. Set before the call that uses it.
  std::vector<v1::GenerateResponse> messages;
  std::map<std::string, std::vector<v1::GenerateResponse>> messages_of_method;  // in place of `messages`
  grpc::Status status = grpc::Status::OK;
  bool hang = false;  // Generate waits for the client's cancel or deadline after its messages
  v1::GetModelInfoResponse info;

  // What came in.
  std::vector<v1::GenerateRequest> requests;
  std::vector<v1::TokenizeRequest> tokenize_requests;
  std::vector<v1::DetokenizeRequest> detokenize_requests;

  void SetServing(const std::string& service, bool serving);

  grpc::Status Generate(grpc::ServerContext* context, const v1::GenerateRequest* request,
                        grpc::ServerWriter<v1::GenerateResponse>* writer) override;
  grpc::Status Complete(grpc::ServerContext* context, const v1::GenerateRequest* request,
                        v1::CompleteResponse* response) override;
  grpc::Status Tokenize(grpc::ServerContext* context, const v1::TokenizeRequest* request,
                        v1::TokenizeResponse* response) override;
  grpc::Status Detokenize(grpc::ServerContext* context, const v1::DetokenizeRequest* request,
                          v1::DetokenizeResponse* response) override;
  grpc::Status GetModelInfo(grpc::ServerContext* context, const v1::GetModelInfoRequest* request,
                            v1::GetModelInfoResponse* response) override;

 private:
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

// A message of method `pass` (or `plain` when `forwards` is 1) with the given characters.
v1::GenerateResponse Step(const std::string& characters, int drafted, int accepted, int forwards);

// A final message: 5 prompt tokens, `completion_tokens`, decode_seconds 2, 10 forwards, 6 of 12 drafts
// accepted, seed 99.
v1::GenerateResponse End(int completion_tokens);

// INVALID_ARGUMENT with two violations and a retry hint of 1.5 s.
grpc::Status RichError();

}  // namespace pass
