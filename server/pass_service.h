// pass_server.v1.PassService: thin handlers. What a client asks for is checked and translated here, on gRPC's
// threads; what is then worth computing goes to the engine's thread.
//
// Thread-safe. Before Serve and after StopAccepting every call gets UNAVAILABLE.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/engine/engine_thread.h"
#include "pass_server/v1/generation.grpc.pb.h"
#include "proto/messages.h"
#include "server/generation_call.h"
#include "server/metrics.h"
#include "server/served_model.h"

namespace pass {

struct ServiceOptions {
  RequestLimits limits;
  int outbox_tokens = 256;  // unsent tokens of a stream
};

class PassService final : public v1::PassService::CallbackService {
 public:
  // All pointers here and below are borrowed and outlive the gRPC server.
  PassService(const ServiceOptions& options, Metrics* metrics, const Clock* clock);
  ~PassService() override;

  // Once: calls are answered from now on.
  void Serve(const ServedModel* model, EngineThread* engine);
  // New calls are refused from now on; those in flight go on.
  void StopAccepting() { draining_.store(true); }

  grpc::ServerWriteReactor<v1::GenerateResponse>* Generate(grpc::CallbackServerContext* context,
                                                           const v1::GenerateRequest* request) override;
  grpc::ServerUnaryReactor* Complete(grpc::CallbackServerContext* context, const v1::GenerateRequest* request,
                                     v1::CompleteResponse* response) override;
  grpc::ServerUnaryReactor* Tokenize(grpc::CallbackServerContext* context, const v1::TokenizeRequest* request,
                                     v1::TokenizeResponse* response) override;
  grpc::ServerUnaryReactor* Detokenize(grpc::CallbackServerContext* context,
                                       const v1::DetokenizeRequest* request,
                                       v1::DetokenizeResponse* response) override;
  grpc::ServerUnaryReactor* GetModelInfo(grpc::CallbackServerContext* context,
                                         const v1::GetModelInfoRequest* request,
                                         v1::GetModelInfoResponse* response) override;

 private:
  struct Backend {
    const ServedModel* model = nullptr;
    CallEnvironment environment;
  };

  // What answers calls now; UNAVAILABLE while there is nothing.
  absl::StatusOr<const Backend*> Available() const;
  // A valid request whose id is taken, or what the client is to hear.
  absl::StatusOr<GenerationRequest> Admit(const grpc::CallbackServerContext& context,
                                          const v1::GenerateRequest& request, const Backend& backend);
  // Counts and logs a request that never reached the engine; gives its status for the client.
  grpc::Status Reject(const absl::Status& status, grpc::CallbackServerContext* context, const char* call);

  const ServiceOptions options_;
  Metrics* const metrics_;
  const Clock* const clock_;
  RequestIds ids_;
  std::atomic<bool> draining_{false};
  std::unique_ptr<const Backend> owned_backend_;
  std::atomic<const Backend*> backend_{nullptr};
};

}  // namespace pass
