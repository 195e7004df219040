// The listening gRPC server: limits, keepalive, health and reflection around the services of all dialects.
#pragma once

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/connection_acceptor.h"
#include "server/named_service.h"

namespace pass {

struct GrpcServerOptions {
  std::string listen = "127.0.0.1:0";  // see ListenAddress
  int most_descriptors = 0;            // of connections; 0: as the process's limit allows
  int max_message_mib = 4;
  bool reflection = false;
};

class GrpcServer {
 public:
  // Listens at once; every service is NOT_SERVING until SetReady. INVALID_ARGUMENT: no address; UNAVAILABLE: the
  // port is taken or the address is not ours.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      const GrpcServerOptions& options, const std::shared_ptr<grpc::ServerCredentials>& credentials,
      std::vector<NamedService> services);
  // As Shutdown now.
  ~GrpcServer();

  const std::string& address() const { return address_; }
  // Whether a file descriptor is left for the next connection.
  bool CanAccept() const { return acceptor_->CanAccept(); }
  grpc::HealthCheckServiceInterface* health() const { return server_->GetHealthCheckService(); }
  // What health says of every service. Says it only: calls are taken or refused by the services themselves.
  void SetReady(bool ready);

  // Stops listening, lets calls in flight finish until `deadline`, cancels the rest and waits for their
  // reactors.
  void Shutdown(absl::Time deadline);

 private:
  GrpcServer() = default;

  std::vector<std::string> names_;                        // of the services
  std::vector<std::unique_ptr<grpc::Service>> services_;  // before `server_`, which calls them
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<ConnectionAcceptor> acceptor_;  // stopped by Shutdown; liveness may still ask it
  std::string address_;
};

}  // namespace pass
