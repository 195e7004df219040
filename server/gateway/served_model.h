// The loaded model as requests see it. Constant while the server serves, so that any thread may read it.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "core/language_model/language_model.h"
#include "core/text/text_model.h"

namespace pass {

struct ServedModel {
  ModelInfo info;
  TextModel text;
  // Prompt and completion together: the model's context, or what the pool of keys and values holds if that is
  // less.
  int32_t max_sequence_tokens = 0;
};

// FAILED_PRECONDITION: the tokenizer has ids that the embedding table has no row for. Call it before the
// engine's thread owns the model.
absl::StatusOr<ServedModel> MakeServedModel(const LanguageModel& model, TextModel text);

}  // namespace pass
