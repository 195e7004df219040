#include "server/gateway/served_model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace pass {

absl::StatusOr<ServedModel> MakeServedModel(const LanguageModel& model, TextModel text) {
  ServedModel served{.info = model.info(), .text = std::move(text)};
  if (served.text.tokenizer->vocab_size() > served.info.vocab_size) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the tokenizer has ", served.text.tokenizer->vocab_size(), " ids, the model's embedding table ",
        served.info.vocab_size, " rows: the files of --model do not belong together"));
  }
  const KvUsage kv = model.kv_usage();
  served.max_sequence_tokens = static_cast<int32_t>(
      std::min<int64_t>(served.info.context_length, kv.total_pages * int64_t{kv.page_tokens}));
  return served;
}

}  // namespace pass
