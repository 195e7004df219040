// From the message that a client sent to the request that the engine takes: every check that a client can
// fail, each of them before anything whose size depends on what is checked.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "core/engine/request.h"
#include "proto/messages.h"
#include "server/gateway/request_limits.h"
#include "server/gateway/served_model.h"

namespace pass::pass_v1 {

// INVALID_ARGUMENT with all violations, each under the field's path in the .proto; fields that this server
// does not know are among them. NOT_FOUND: another model. FAILED_PRECONDITION: a chat for a model without a
// known template. Defaults are those of the .proto; an id and a seed (below 2^53) are drawn when unset.
// `received` and `deadline` are left to the gateway.
absl::StatusOr<GenerationRequest> Translate(const v1::GenerateRequest& request, const ServedModel& model,
                                            const RequestLimits& limits);

// The id of a request that brings none: 16 hexadecimal digits.
std::string DrawRequestId();

}  // namespace pass::pass_v1
