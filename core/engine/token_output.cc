#include "core/engine/token_output.h"

#include <algorithm>
#include <utility>

namespace pass {

TokenOutput::TokenOutput(const GenerationRequest* request, const Tokenizer* tokenizer,
                         std::span<const TokenId> end_of_sequence_ids)
    : request_(request),
      end_of_sequence_ids_(end_of_sequence_ids),
      text_(tokenizer, {.stop = request->stop,
                        .include_stop = request->include_stop,
                        .skip_special_tokens = request->skip_special_tokens}) {}

bool TokenOutput::EndsById(TokenId token) const {
  const auto is_token = [token](TokenId id) { return id == token; };
  return (!request_->ignore_eos && std::ranges::any_of(end_of_sequence_ids_, is_token)) ||
         std::ranges::any_of(request_->stop_ids, is_token);
}

TokenOutput::Pushed TokenOutput::Push(TokenId token) {
  ++num_tokens_;
  if (EndsById(token)) {
    return {.text = text_.Flush(),
            .end = SequenceEnd{.reason = FinishReason::kStop, .matched_stop_id = token}};
  }
  StreamDecoder::Delta delta = text_.Push(token);
  Pushed pushed{.text = std::move(delta.text), .end = std::nullopt};
  if (delta.matched_stop.has_value()) {
    pushed.end =
        SequenceEnd{.reason = FinishReason::kStop, .matched_stop_string = *std::move(delta.matched_stop)};
  } else if (num_tokens_ >= request_->max_tokens) {
    pushed.text += text_.Flush();
    pushed.end = SequenceEnd{.reason = FinishReason::kLength};
  }
  return pushed;
}

}  // namespace pass
