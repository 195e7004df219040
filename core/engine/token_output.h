// Turns the tokens that one sequence emits into its text, and decides which token is the last.
//
// It checks each token in this order: end-of-sequence ids (unless ignore_eos) and stop ids; stop strings;
// max_tokens. The id that ends a sequence counts as a token and never shows in the text. Owner: Sequence.
// Thread: the engine's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "core/engine/request.h"
#include "core/engine/token_sink.h"
#include "core/text/stream_decoder.h"
#include "core/text/tokenizer.h"

namespace pass {

// Why and how a sequence ended. Whoever ends it decides this part of its FinishReport.
struct SequenceEnd {
  FinishReason reason = FinishReason::kStop;
  std::string matched_stop_string = {};
  TokenId matched_stop_id = -1;
  absl::Status error = {};
};

class TokenOutput {
 public:
  // Everything is borrowed and outlives this object.
  TokenOutput(const GenerationRequest* request, const Tokenizer* tokenizer,
              std::span<const TokenId> end_of_sequence_ids);

  struct Pushed {
    std::string text;                // what is new; when the sequence ends here, with what was held back
    std::optional<SequenceEnd> end;  // set: no token after this one may be pushed
  };
  Pushed Push(TokenId token);

  int32_t num_tokens() const { return num_tokens_; }

 private:
  bool EndsById(TokenId token) const;

  const GenerationRequest* request_;
  std::span<const TokenId> end_of_sequence_ids_;
  StreamDecoder text_;
  int32_t num_tokens_ = 0;
};

}  // namespace pass
