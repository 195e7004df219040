// A token that is matched literally in text, before merges, with the flags of tokenizer.json.
#pragma once

#include <string>

#include "core/base/token_id.h"

namespace pass {

struct AddedToken {
  TokenId id = 0;
  std::string content = {};
  bool special = false;      // gives no text where special tokens are skipped
  bool control = false;      // never the result of encoding a user's text; every special token is one
  bool lstrip = false;       // takes the white space to its left
  bool rstrip = false;       // takes the white space to its right
  bool single_word = false;  // matched only where no letter or digit stands beside it
  bool normalized = false;   // matched in the normalised text, after those that are not
};

}  // namespace pass
