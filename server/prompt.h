// A request's prompt to token ids. Bytes and counts are capped before anything is tokenised.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/messages.h"
#include "server/served_model.h"
#include "server/status_conversion.h"

namespace pass {

// The prompt's ids, empty when something is wrong with it; what is wrong goes to `violations`.
// FAILED_PRECONDITION: a chat for a model without a known template. INTERNAL: the tokenizer failed.
absl::StatusOr<std::vector<TokenId>> TranslatePrompt(const v1::GenerateRequest& request,
                                                     const ServedModel& model, const RequestLimits& limits,
                                                     Violations* violations);

// Ids as they come from outside: each is a row of the embedding table. Violations are named "`field`[i]".
void CheckTokenIds(const google::protobuf::RepeatedField<int32_t>& ids, int64_t vocab_size,
                   const std::string& field, Violations* violations);

}  // namespace pass
