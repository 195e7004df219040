// The only way from absl::Status to grpc::Status, and the fixed list of what clients are told. Details travel
// as google.rpc messages in grpc-status-details-bin; whatever else is known goes to the log under the request
// id.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace pass {

// Violations are collected and answered together. Details are metadata, which clients cap at 8 KiB: the first
// kMaxReported are named, the rest counted.
class Violations {
 public:
  static constexpr size_t kMaxReported = 16;

  // `field`: its path in the API that the request came by. `description`: what would be right.
  void Add(std::string field, std::string description);
  bool empty() const { return reported_.empty(); }
  // OK when empty, else INVALID_ARGUMENT with a google.rpc.BadRequest.
  absl::Status ToStatus() const;

 private:
  struct Violation {
    std::string field;
    std::string description;
  };

  std::vector<Violation> reported_;
  size_t left_out_ = 0;
};

absl::Status LoadingError();         // UNAVAILABLE, RetryInfo
absl::Status DrainingError();        // UNAVAILABLE, RetryInfo
absl::Status QueueFullError();       // RESOURCE_EXHAUSTED, RetryInfo
absl::Status DeadlinePassedError();  // DEADLINE_EXCEEDED
absl::Status SlowReaderError();
absl::Status DuplicateIdError();  // ALREADY_EXISTS
// FAILED_PRECONDITION. `method`: the name of the one that needs look-ahead tokens.
absl::Status NoLookaheadError(std::string_view method);

// What a client may hear of an error of the engine, the tokenizer or the model: the code and a fixed text.
absl::Status ClientError(const absl::Status& error, const std::string& request_id);

// Copies google.rpc payloads to the details. A RetryInfo also becomes the grpc-retry-pushback-ms trailer when
// the status is RESOURCE_EXHAUSTED and there is a context (before Finish).
grpc::Status ToGrpcStatus(const absl::Status& status, grpc::ServerContextBase* context = nullptr);

}  // namespace pass
