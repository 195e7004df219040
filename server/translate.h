// A request as it came to a request as the engine wants it: every check that a client can fail, all of them
// before anything whose size depends on what is checked.
#pragma once

#include "absl/status/statusor.h"
#include "core/engine/request.h"
#include "proto/messages.h"
#include "server/served_model.h"

namespace pass {

// INVALID_ARGUMENT with all violations, each under the field's path in the .proto; fields that this server
// does not know are among them. NOT_FOUND: another model. FAILED_PRECONDITION: the loaded model cannot.
// Defaults are those of the .proto; an id and a seed (below 2^53) are drawn when unset. `received` and
// `deadline` are left to the caller.
absl::StatusOr<GenerationRequest> Translate(const v1::GenerateRequest& request, const ServedModel& model,
                                            const RequestLimits& limits);

}  // namespace pass
