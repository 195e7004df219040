// The dialect pass_server.v1: this server's own API. It checks and translates what a client asks for, on
// gRPC's threads, and writes the engine's reports as messages; everything between is the gateway's.
#pragma once

#include "server/gateway/gateway.h"
#include "server/named_service.h"

namespace pass::pass_v1 {

// The service pass_server.v1.PassService. Thread-safe. `gateway` is borrowed and outlives the service.
NamedService MakeService(const Gateway* gateway);

}  // namespace pass::pass_v1
