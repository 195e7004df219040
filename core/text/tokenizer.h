// Byte-level BPE: text to token ids and back. Immutable after creation and thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/token_id.h"

namespace pass {

// How text is cut into pieces before merges apply. Families, not models.
enum class PreTokenizer : uint8_t { kGpt2, kSmolLm, kLlama3 };

enum class TokenKind : uint8_t {
  kNormal,
  kControl,  // a special token such as <|im_end|>: never the result of encoding a user's text unless asked
  kAdded,    // added to the vocabulary but not special: matched literally in text
  kUnused,
};

struct TokenizerSpec {
  // By id; normal tokens in GPT-2's printable byte alphabet, others literally. A vocabulary may lack some of
  // the 256 bytes (SmolLM2's lacks 21, U+0004 among them): these are dropped from text, as the `tokenizers`
  // package does.
  std::vector<std::string> tokens;
  std::vector<TokenKind> kinds;                             // by id, same length
  std::vector<std::pair<std::string, std::string>> merges;  // in rank order
  PreTokenizer pre_tokenizer = PreTokenizer::kGpt2;
  bool ignore_merges = false;  // Llama 3: a piece that is a token as a whole is taken as it is
  std::optional<TokenId> bos;
  bool add_bos = false;  // prepend bos when a prompt is encoded
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // INVALID_ARGUMENT names what is wrong with the spec (a token that is there twice, a merge of unknown
  // tokens, lengths that differ, bos outside the vocabulary).
  static absl::StatusOr<std::unique_ptr<Tokenizer>> Create(TokenizerSpec spec);

  // Text (any bytes; what is not UTF-8 passes through, each byte a piece of its own) to ids, without bos.
  // With `parse_control` false, text that spells a control token is ordinary text. INTERNAL: PCRE2 fails.
  // INVALID_ARGUMENT: text over 2 GiB.
  virtual absl::StatusOr<std::vector<TokenId>> Encode(std::string_view text,
                                                      bool parse_control = false) const = 0;

  // The bytes of a token: possibly part of a UTF-8 character. Empty for unused ids and ids outside the
  // vocabulary.
  virtual std::string_view TokenBytes(TokenId id) const = 0;
  virtual TokenKind Kind(TokenId id) const = 0;
  virtual int64_t vocab_size() const = 0;
  virtual std::optional<TokenId> Find(
      std::string_view token) const = 0;  // control and added tokens, by their text
  virtual std::optional<TokenId> bos() const = 0;
  virtual bool add_bos() const = 0;

  // Bytes of all ids joined; may be invalid UTF-8 if the ids are.
  std::string Decode(std::span<const TokenId> ids, bool skip_special_tokens) const;
};

}  // namespace pass
