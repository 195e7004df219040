// The loaded model as requests see it. Constant while the server serves, so that any thread may read it.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "core/engine/request.h"
#include "core/language_model/language_model.h"
#include "core/text/text_model.h"

namespace pass {

struct ServedModel {
  ModelInfo info;
  TextModel text;
  int32_t max_sequence_tokens =
      0;  // prompt and completion: the context, or the pool of keys and values if that is less
};

// FAILED_PRECONDITION: the tokenizer has ids that the embedding table has no row for. Call it before the
// model is another thread's.
absl::StatusOr<ServedModel> MakeServedModel(const LanguageModel& model, TextModel text);

// What requests may be, and what they are where they do not say.
struct RequestLimits {
  int64_t max_prompt_bytes = int64_t{1} << 20;
  Method method = Method::kAuto;
  int lookahead = -1;  // -1: all that are loaded; more than these is as many
  int max_rows = 32;
};

}  // namespace pass
