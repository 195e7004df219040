// Finds control and added tokens, which are matched literally, in text: leftmost first, the longest on ties.
// Immutable after it is filled and thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/token_id.h"

namespace pass {

class LiteralMatcher {
 public:
  struct Match {
    size_t begin = std::string_view::npos;  // npos: none
    size_t length = 0;
    TokenId id = 0;
  };

  void Add(std::string_view text, TokenId id);  // an empty text never matches

  // The first match at or after `begin`. Looks at each position once, at most `longest token` bytes at each.
  Match Find(std::string_view text, size_t begin) const;

 private:
  struct Literal {
    std::string text;
    TokenId id;
  };
  std::array<std::vector<Literal>, 256> by_first_byte_;  // the longest first
};

}  // namespace pass
