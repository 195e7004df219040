// The settings as options of the parts that they concern.
#pragma once

#include "core/engine/engine.h"
#include "core/model/load.h"
#include "server/config.h"
#include "server/gateway/gateway.h"
#include "server/grpc_server.h"
#include "server/warm_up.h"

namespace pass {

LoadOptions LoadOptionsOf(const ServerConfig& config);
EngineOptions EngineOptionsOf(const ServerConfig& config);
WarmUpOptions WarmUpOptionsOf(const ServerConfig& config);
GatewayOptions GatewayOptionsOf(const ServerConfig& config);
GrpcServerOptions GrpcServerOptionsOf(const ServerConfig& config);

}  // namespace pass
