// Token ids of one sequence to text deltas: whole UTF-8 characters only, and nothing that may still become a stop string.
//
// Invariants: the deltas joined, with Flush, are the decoded text up to the stop (through it with include_stop); no delta
// ends inside a UTF-8 character (a byte that can never become one is replaced by U+FFFD); no delta shows a part of a stop
// string that is later matched. Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/token_id.h"
#include "core/text/tokenizer.h"

namespace pass {

struct StreamDecoderOptions {
  std::vector<std::string> stop;    // not empty strings; the earliest match ends the text, the longest on ties
  bool include_stop = false;
  bool skip_special_tokens = true;  // control tokens give no text
};

class StreamDecoder {
 public:
  struct Delta {
    std::string text;
    std::optional<std::string> matched_stop;  // set: the sequence ends with this token
  };

  // `tokenizer` is borrowed and outlives the decoder.
  StreamDecoder(const Tokenizer* tokenizer, StreamDecoderOptions options);

  Delta Push(TokenId token);
  // What was held back, at the end of the sequence. Incomplete characters become U+FFFD.
  std::string Flush();

 private:
  const Tokenizer* tokenizer_;
  StreamDecoderOptions options_;
  std::string pending_bytes_;  // the start of a character
  std::string held_text_;      // whole characters that may be the start of a stop string
};

}  // namespace pass
