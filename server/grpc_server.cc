#include "server/grpc_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/health.h"

namespace pass {
namespace {

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
  // Two servers on one port would share its connections in silence.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
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
  const std::string failed =
      absl::StrCat("cannot listen on ", options.listen, " (--listen): choose a free port, or 0 to pick one");
  const size_t colon = options.listen.rfind(':');
  if (colon == std::string::npos) return absl::UnavailableError(failed);

  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  SetLimits(options, &builder);
  if (!options.reflection) builder.SetOption(std::make_unique<WithoutReflection>());
  int port = 0;
  builder.AddListeningPort(options.listen, credentials, &port);

  std::unique_ptr<GrpcServer> result(new GrpcServer);
  for (NamedService& named : services) {
    builder.RegisterService(named.service.get());
    result->names_.push_back(std::move(named.full_name));
    result->services_.push_back(std::move(named.service));
  }
  result->server_ = builder.BuildAndStart();
  if (result->server_ == nullptr || port <= 0) return absl::UnavailableError(failed);
  result->address_ = absl::StrCat(options.listen.substr(0, colon), ":", port);
  result->SetReady(false);
  return result;
}

void GrpcServer::SetReady(bool ready) { SetReadiness(health(), names_, ready); }

GrpcServer::~GrpcServer() {
  if (server_ != nullptr) Shutdown(absl::Now());
}

void GrpcServer::Shutdown(absl::Time deadline) {
  server_->Shutdown(absl::ToChronoTime(deadline));
  server_->Wait();
}

}  // namespace pass
