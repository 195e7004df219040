// Token ids of one sequence to text deltas: whole UTF-8 characters only, and nothing that may still become a
// stop string.
//
// Invariants: the deltas joined, with Flush, are the decoded text up to the stop (through it with
// include_stop), however the text is cut into tokens; no delta ends inside a UTF-8 character (what can never
// become one is replaced by U+FFFD, by the maximal-subpart practice); no delta shows a part of a stop string
// that is later matched. Not thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/token_id.h"
#include "core/text/tokenizer.h"

namespace pass {

struct StreamDecoderOptions {
  // The first one to be complete in the text ends it; of those that are complete at the same character, the
  // longest. One that is empty or not valid UTF-8 never matches.
  std::vector<std::string> stop = {};
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

  // After a match there is no more text.
  Delta Push(TokenId token);
  // What was held back, at the end of the sequence. Incomplete characters become U+FFFD.
  std::string Flush();

 private:
  // How much of one stop string the text's end spells: Knuth, Morris and Pratt's automaton, so that a byte
  // costs constant time however long and repetitive the string is.
  class StopMatcher {
   public:
    explicit StopMatcher(std::string text);
    // True when the text so far ends with the stop string.
    bool Advance(char byte);
    size_t num_matched() const { return num_matched_; }
    const std::string& text() const { return text_; }

   private:
    std::string text_;
    std::vector<size_t>
        border_;  // by length of a start of text_: its longest proper start that is also its end
    size_t num_matched_ = 0;
  };

  // Appends to held_text_ and looks for stop strings; true when one is complete.
  bool TakeCharacter(std::string_view character, Delta* delta);
  Delta TakePending(bool at_end);

  const Tokenizer* tokenizer_;
  const bool include_stop_;
  const bool skip_special_tokens_;
  std::vector<StopMatcher> stops_;  // the longest first
  bool stopped_ = false;
  std::string pending_bytes_;  // the start of a character
  std::string held_text_;      // whole characters that may be the start of a stop string
};

}  // namespace pass
