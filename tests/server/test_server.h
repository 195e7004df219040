// A whole server in the test's process: the service on a real port, the real engine and its thread, a table
// as the model and bytes as tokens. A test can hold the model's forwards.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/engine/engine_thread.h"
#include "pass_server/v1/generation.grpc.pb.h"
#include "proto/messages.h"
#include "server/gateway/gateway.h"
#include "server/grpc_server.h"
#include "server/metrics.h"
#include "tests/fakes/table_model.h"

namespace pass {

// Holds whoever passes while it is closed. Thread-safe.
class Gate {
 public:
  void Close();
  void Open();
  void Pass();
  // Waits until someone is held.
  void AwaitHeld();

 private:
  absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  int held_ ABSL_GUARDED_BY(mutex_) = 0;
};

struct TestServerOptions {
  TableModelOptions model = {
      .vocab_size = 257, .context_length = 256, .num_lookahead = 4, .page_tokens = 16, .total_pages = 256};
  LogitsFunction logits = RandomLogits({.seed = 7, .shared_scale = 8.0});
  EngineOptions engine = {};
  int max_queue = 64;
  GatewayOptions gateway = {};
  GrpcServerOptions grpc = {};
  bool serve = true;  // false: as while the model loads
  ChatTemplate chat_template = {};
  std::optional<TokenizerSpec> tokenizer = {};  // none: bytes
  std::string broken_text = "";                 // what the tokenizer fails on; "": nothing
};

// A listening server with the one service that the tests call.
absl::StatusOr<std::unique_ptr<GrpcServer>> StartGrpcServer(const GrpcServerOptions& options,
                                                            const Gateway* gateway);

class TestServer {
 public:
  explicit TestServer(TestServerOptions options = {});
  ~TestServer();

  Metrics& metrics() { return metrics_; }
  Gateway& gateway() { return gateway_; }
  GrpcServer& grpc() { return *grpc_; }
  EngineThread& engine() { return *engine_; }
  Gate& gate() { return gate_; }
  const ServedModel& model() const { return served_; }
  v1::PassService::Stub& stub() { return *stub_; }
  std::shared_ptr<grpc::Channel> channel() { return channel_; }

  // As SIGTERM does it, with no time for the drain and so much for the last messages to leave.
  void DrainAndStop(absl::Duration last_messages = absl::ZeroDuration());

  // The value of a series in the text that /metrics would show, such as
  // `pass_requests_total{outcome="stop"}`; fails the test when it is not there.
  double Metric(const std::string& series);
  std::string MetricsText();

 private:
  SystemClock clock_;
  Metrics metrics_;
  Gateway gateway_;
  Gate gate_;
  TableModel table_;
  ServedModel served_;
  std::unique_ptr<EngineThread> engine_;
  std::unique_ptr<GrpcServer> grpc_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::PassService::Stub> stub_;
  bool stopped_ = false;
};

// A valid greedy request.
v1::GenerateRequest TextRequest(const std::string& text, int max_tokens, const std::string& method = "plain");

// A valid request for the engine itself: five tokens of method plain.
GenerationRequest EngineRequest(const std::string& id);

struct StreamResult {
  std::vector<v1::GenerateResponse> messages;
  grpc::Status status;

  std::vector<int> token_ids() const;
  std::string text() const;
};

StreamResult ReadStream(v1::PassService::Stub& stub, const v1::GenerateRequest& request);

struct CompleteResult {
  v1::CompleteResponse response;
  grpc::Status status;
};

CompleteResult CallComplete(v1::PassService::Stub& stub, const v1::GenerateRequest& request);

}  // namespace pass
