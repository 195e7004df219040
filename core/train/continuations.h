// The model's own continuations of many prompts at once, by plain decoding through the engine.
#pragma once

#include <atomic>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/token_id.h"
#include "core/engine/request.h"
#include "core/language_model/language_model.h"
#include "core/text/tokenizer.h"

namespace pass {

// The tokens of each request, in order, prompt left out. Requests are given method plain. `max_sequences`: decoded at a
// time. The first error of any request is the result. CANCELLED: `stop` became true, which may be null. Runs on the caller's
// thread, which must be the model's.
absl::StatusOr<std::vector<std::vector<TokenId>>> Continue(LanguageModel& model, const Tokenizer& tokenizer,
                                                           const std::vector<TokenId>& end_of_sequence_ids,
                                                           std::vector<GenerationRequest> requests,
                                                           int max_sequences,
                                                           const std::atomic<bool>* stop = nullptr);

}  // namespace pass
