// The prompt of a request as token ids, and the token ids that other fields hold. Bytes and counts are capped
// before anything is tokenised.
#pragma once

#include <google/protobuf/repeated_field.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/token_id.h"
#include "proto/messages.h"
#include "server/gateway/request_limits.h"
#include "server/gateway/served_model.h"
#include "server/status_conversion.h"

namespace pass::pass_v1 {

// The prompt's ids, empty when something is wrong with it; what is wrong goes to `violations`.
// FAILED_PRECONDITION: a chat for a model without a known template. INTERNAL: the tokenizer failed.
absl::StatusOr<std::vector<TokenId>> TranslatePrompt(const v1::GenerateRequest& request,
                                                     const ServedModel& model, const RequestLimits& limits,
                                                     Violations* violations);

// For the client: what it may hear of an error of the tokenizer. The error itself goes to the log under the id.
absl::Status TextError(const absl::Status& error, const std::string& request_id);

// Each id must be a row of the embedding table. Violations are named "`field`[i]".
void CheckTokenIds(const google::protobuf::RepeatedField<int32_t>& ids, int64_t vocab_size,
                   const std::string& field, Violations* violations);

}  // namespace pass::pass_v1
