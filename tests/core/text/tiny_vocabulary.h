// A byte-level vocabulary that is made in the test: the 256 bytes in order, the results of a few merges,
// control tokens.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text/byte_alphabet.h"
#include "core/text/pre_tokenizers.h"
#include "core/text/tokenizer.h"

namespace pass {

inline std::string Printable(std::string_view bytes) {
  std::string printable;
  for (const char byte : bytes) printable += PrintableFromByte(static_cast<uint8_t>(byte));
  return printable;
}

// Ids 0 to 255 are the bytes; then the merges' results, "hello" and " hello" among them; then `others`.
inline TokenizerSpec TinySpec(std::vector<std::pair<std::string, TokenKind>> others = {
                                  {"<|im_start|>", TokenKind::kControl},
                                  {"<|im_end|>", TokenKind::kControl}}) {
  TokenizerSpec spec;
  for (int byte = 0; byte < 256; ++byte) spec.tokens.push_back(PrintableFromByte(static_cast<uint8_t>(byte)));
  const std::vector<std::pair<std::string, std::string>> merges = {
      {"h", "e"},  {"l", "l"},   {"he", "ll"}, {"hell", "o"}, {" ", "hello"}, {"a", "b"},   {"b", "c"},
      {"ab", "c"}, {"a", "bc"},  {" ", " "},   {"  ", "  "},  {"1", "2"},     {"\n", "\n"}, {"\xE2", "\x82"},
      {"a", "a"},  {"aa", "aa"}, {"'", "s"},   {"b", "a"},    {"ba", "b"},    {"ab", "ab"}};
  for (const auto& [left, right] : merges) {
    spec.merges.emplace_back(Printable(left), Printable(right));
    const std::string merged = Printable(left + right);
    if (std::find(spec.tokens.begin(), spec.tokens.end(), merged) == spec.tokens.end()) {
      spec.tokens.push_back(merged);
    }
  }
  spec.splits = {Gpt2Split()};
  for (auto& [text, kind] : others) {
    const bool special = kind == TokenKind::kControl;
    const auto id = static_cast<TokenId>(spec.tokens.size() + spec.added.size());
    spec.added.push_back({.id = id, .content = std::move(text), .special = special, .control = special});
  }
  return spec;
}

}  // namespace pass
