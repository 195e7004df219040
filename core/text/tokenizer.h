// Text to token ids and back: byte-pair encoding over bytes (GPT-2 and what came of it) or over characters with
// bytes behind them (SentencePiece). Immutable after creation and thread-safe.
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
#include "core/text/added_token.h"
#include "core/text/marked_text.h"
#include "core/text/normalizer.h"
#include "core/text/piece_splitter.h"

namespace pass {

enum class TokenKind : uint8_t {
  kNormal,
  kControl,  // a special token such as <|im_end|>: gives no text where special tokens are skipped
  kAdded,    // added to the vocabulary but not special: matched literally in text
  kUnused,
};

// How the vocabulary's tokens are written.
enum class Alphabet : uint8_t {
  kBytes,       // one printable character a byte, as GPT-2 does (byte_alphabet.h)
  kCharacters,  // as they are, with U+2581 for a space; a character without a token is its bytes, <0x00> to <0xFF>
};

// Where pieces of a text get the U+2581 that marks the beginning of a word: Metaspace of tokenizer.json.
struct WordMarks {
  enum class Where : uint8_t { kNowhere, kAtTheStart, kEverywhere };
  Where where = Where::kNowhere;
  bool split = false;  // into words

  bool operator==(const WordMarks&) const = default;
};

struct TokenizerSpec {
  // The model's vocabulary, by id; "": no such id. A byte-level vocabulary may lack some of the 256 bytes
  // (SmolLM2's lacks 21, U+0004 among them): these are dropped from text, as the `tokenizers` package does.
  std::vector<std::string> tokens;
  std::vector<AddedToken> added;  // may be in the vocabulary too, and then has the id that it has there
  Alphabet alphabet = Alphabet::kBytes;
  // One of the two; merges in rank order, or a score for each token of the vocabulary: of two neighbours' merges
  // the one that makes the token with the highest score is made first.
  std::vector<std::pair<std::string, std::string>> merges;
  std::vector<float> scores;
  std::vector<NormalizerStep> normalizer;
  std::optional<WordMarks> word_marks;
  std::vector<SplitStep> splits;
  bool ignore_merges = false;       // Llama 3: a piece that is a token as a whole is taken as it is
  bool strips_first_space = false;  // in Decode: the one that encoding puts before the text
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
  // The same for a text of several hands: the server's words may spell control tokens, the users' may not.
  virtual absl::StatusOr<std::vector<TokenId>> EncodeMarked(const MarkedText& text) const {
    return Encode(text.text, /*parse_control=*/false);
  }

  // The bytes of a token: possibly part of a UTF-8 character. Empty for unused ids and ids outside the
  // vocabulary.
  virtual std::string_view TokenBytes(TokenId id) const = 0;
  virtual TokenKind Kind(TokenId id) const = 0;
  virtual int64_t vocab_size() const = 0;
  virtual std::optional<TokenId> Find(
      std::string_view token) const = 0;  // control and added tokens, by their text
  virtual std::optional<TokenId> bos() const = 0;
  virtual bool add_bos() const = 0;
  // Whether encoding put a space before the text, which decoding takes away.
  virtual bool strips_first_space() const { return false; }

  // Bytes of all ids joined; may be invalid UTF-8 if the ids are. `continues`: the ids do not begin a text, so
  // that a space before them is the text's own, and stays.
  std::string Decode(std::span<const TokenId> ids, bool skip_special_tokens, bool continues = false) const;
};

}  // namespace pass
