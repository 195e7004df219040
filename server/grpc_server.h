// The listening gRPC server: limits, keepalive, health and reflection around one service.
#pragma once

#include <grpcpp/server.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/connection_acceptor.h"

namespace pass {

struct GrpcServerOptions {
  std::string listen = "127.0.0.1:0";  // see ListenAddress
  int most_descriptors = 0;            // of connections; 0: as the process's limit allows
  int max_message_mib = 4;
  bool reflection = false;
};

class GrpcServer {
 public:
  // Serves at once; readiness is NOT_SERVING. `service` is borrowed. INVALID_ARGUMENT: no address; UNAVAILABLE:
  // the port is taken or the address is not ours.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(const GrpcServerOptions& options,
                                                           grpc::Service* service);
  // As Shutdown now.
  ~GrpcServer();

  const std::string& address() const { return address_; }
  // Whether a file descriptor is left for the next connection.
  bool CanAccept() const { return acceptor_->CanAccept(); }
  grpc::HealthCheckServiceInterface* health() const { return server_->GetHealthCheckService(); }

  // Stops listening, lets calls in flight finish until `deadline`, cancels the rest and waits for their
  // reactors.
  void Shutdown(absl::Time deadline);

 private:
  GrpcServer() = default;

  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<ConnectionAcceptor> acceptor_;  // until Shutdown
  std::string address_;
};

}  // namespace pass
