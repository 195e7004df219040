// A blocking client of the service: every RPC of pass_server.v1.PassService and the health check, over one channel.
//
// Thread-safe: a channel is shared by any number of threads, one call each at a time.
// Errors: CallStatus, with what the server says in the grpc-status-details-bin trailer. Nothing throws.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pass_server/v1/generation.grpc.pb.h"
#include "proto/messages.h"

namespace pass {

struct FieldViolation {
  std::string field;  // path in the request's message, e.g. "sampling.top_p"
  std::string description;
};

// How a call ended. `code` is gRPC's; `code_name` its usual spelling ("INVALID_ARGUMENT").
struct CallStatus {
  grpc::StatusCode code = grpc::StatusCode::OK;
  std::string message;
  std::vector<FieldViolation> violations;     // google.rpc.BadRequest
  std::optional<double> retry_after_seconds;  // google.rpc.RetryInfo: a later call may succeed

  bool ok() const { return code == grpc::StatusCode::OK; }
  std::string_view code_name() const;
  // "INVALID_ARGUMENT: message", then one indented line for each violation that the message does not name, and
  // one for the retry hint. No last newline.
  std::string ToString() const;
};

struct CallOptions {
  std::optional<double> timeout_seconds;  // from now; none: no deadline
};

class PassClient {
 public:
  // `address`: host:port. Connects with the first call, without TLS and without an HTTP proxy.
  explicit PassClient(const std::string& address);
  ~PassClient();

  // Called for each message as it arrives; false cancels the call, which then ends with CANCELLED.
  using MessageCallback = std::function<bool(const v1::GenerateResponse&)>;

  // Returns after the last message. A stream that ends well has had exactly one message with `finish`, the
  // last one; one that ends without it is reported as INTERNAL.
  CallStatus Generate(const v1::GenerateRequest& request, const CallOptions& options,
                      const MessageCallback& on_message) const;
  CallStatus Complete(const v1::GenerateRequest& request, const CallOptions& options,
                      v1::CompleteResponse* response) const;
  CallStatus Tokenize(const v1::TokenizeRequest& request, const CallOptions& options,
                      v1::TokenizeResponse* response) const;
  CallStatus Detokenize(const v1::DetokenizeRequest& request, const CallOptions& options,
                        v1::DetokenizeResponse* response) const;
  CallStatus GetModelInfo(const CallOptions& options, v1::GetModelInfoResponse* response) const;

  // grpc.health.v1.Health/Check. `service`: "" asks for liveness, "pass_server.v1.PassService" for readiness.
  enum class Health { kUnknown = 0, kServing = 1, kNotServing = 2, kServiceUnknown = 3 };
  CallStatus CheckHealth(const std::string& service, const CallOptions& options, Health* health) const;

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::PassService::Stub> stub_;
};

}  // namespace pass
