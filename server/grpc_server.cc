#include "server/grpc_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/descriptors.h"
#include "server/health.h"
#include "server/listen_address.h"

namespace pass {
namespace {

using ExternalConnections = grpc::ServerBuilder::experimental_type::ExternalConnectionType;

constexpr char kFlag[] = "--listen";
constexpr int kMaxStreamsPerConnection = 256;

// The linked reflection library puts itself into every server; this takes it out again.
class WithoutReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments* /*arguments*/) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    std::erase_if(*plugins, [](const auto& plugin) { return plugin->name() == "proto_server_reflection"; });
  }
};

void SetLimits(const GrpcServerOptions& options, grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(options.max_message_mib * 1024 * 1024);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection);
  builder->AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
  // Finds peers that went away without a word, also while a long prefill sends nothing.
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // Gateways ping idle connections; the defaults would hang up on them.
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    const GrpcServerOptions& options, const std::shared_ptr<grpc::ServerCredentials>& credentials,
    std::vector<NamedService> services) {
  PASS_ASSIGN_OR_RETURN(const ListenAddress address,
                        ParseListenAddress(kFlag, options.listen, UnixSockets::kAllowed));
  PASS_ASSIGN_OR_RETURN(ListeningSocket socket, ListeningSocket::Open(kFlag, address));

  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  SetLimits(options, &builder);
  if (!options.reflection) builder.SetOption(std::make_unique<WithoutReflection>());
  std::shared_ptr<grpc::experimental::ExternalConnectionAcceptor> connections =
      builder.experimental().AddExternalConnectionAcceptor(ExternalConnections::FROM_FD, credentials);

  std::unique_ptr<GrpcServer> result(new GrpcServer);
  for (NamedService& named : services) {
    builder.RegisterService(named.service.get());
    result->names_.push_back(std::move(named.full_name));
    result->services_.push_back(std::move(named.service));
  }
  result->server_ = builder.BuildAndStart();
  if (result->server_ == nullptr) {
    return absl::UnavailableError(absl::StrCat("gRPC cannot serve on ", options.listen, " (", kFlag, ")"));
  }
  result->address_ = socket.address().ToString();
  result->SetReady(false);
  const int most = options.most_descriptors > 0 ? options.most_descriptors : DescriptorsForConnections();
  result->acceptor_ = std::make_unique<ConnectionAcceptor>(
      std::move(socket), most, [connections = std::move(connections)](int fd) {
        grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
        connection.fd = fd;
        connections->HandleNewConnection(&connection);
      });
  return result;
}

void GrpcServer::SetReady(bool ready) { SetReadiness(health(), names_, ready); }

GrpcServer::~GrpcServer() {
  if (server_ != nullptr) Shutdown(absl::Now());
}

void GrpcServer::Shutdown(absl::Time deadline) {
  acceptor_->Stop();
  server_->Shutdown(absl::ToChronoTime(deadline));
  server_->Wait();
}

}  // namespace pass
