// The one kind of tokenizer: added tokens are cut out, what is left is normalised, split into pieces, and each
// piece is merged. The steps and their order are those of the `tokenizers` package.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/text/added_token_matcher.h"
#include "core/text/normalizer.h"
#include "core/text/pair_merger.h"
#include "core/text/piece_splitter.h"
#include "core/text/tokenizer.h"

namespace pass {

class BytePairTokenizer final : public Tokenizer {
 public:
  static absl::StatusOr<std::unique_ptr<BytePairTokenizer>> Create(TokenizerSpec spec);

  absl::StatusOr<std::vector<TokenId>> Encode(std::string_view text, bool parse_control) const override {
    return EncodeText(text, Authorship(parse_control));
  }
  absl::StatusOr<std::vector<TokenId>> EncodeMarked(const MarkedText& text) const override {
    return EncodeText(text.text, Authorship(std::string_view(text.marks)));
  }
  std::string_view TokenBytes(TokenId id) const override {
    return IsToken(id) ? std::string_view(bytes_[id]) : std::string_view();
  }
  TokenKind Kind(TokenId id) const override { return IsToken(id) ? kinds_[id] : TokenKind::kUnused; }
  int64_t vocab_size() const override { return static_cast<int64_t>(bytes_.size()); }
  std::optional<TokenId> Find(std::string_view token) const override {
    const auto found = added_.find(token);
    return found == added_.end() ? std::nullopt : std::optional(found->second);
  }
  std::optional<TokenId> bos() const override { return bos_; }
  bool add_bos() const override { return add_bos_; }
  bool strips_first_space() const override { return strips_first_space_; }

 private:
  BytePairTokenizer(PieceSplitter splitter, const TokenizerSpec& spec);

  absl::Status AddTokens(const TokenizerSpec& spec);
  void AddToken(const TokenizerSpec& spec, TokenId id, const std::string& text);
  absl::Status AddAddedTokens(const TokenizerSpec& spec);
  absl::Status CheckBytes() const;
  absl::Status AddWholePieces(bool ignore_merges);

  bool IsToken(TokenId id) const { return id >= 0 && static_cast<size_t>(id) < bytes_.size(); }
  struct Output {
    PairMerger::Scratch scratch;
    std::vector<TokenId> ids;
  };
  absl::StatusOr<std::vector<TokenId>> EncodeText(std::string_view text, const Authorship& authorship) const;
  absl::Status EncodeStretch(std::string_view text, const Authorship& authorship, bool at_start,
                             Output* output) const;
  absl::Status EncodeNormalised(std::string_view text, bool at_start, Output* output) const;
  absl::Status EncodePieces(std::string_view text, Output* output) const;
  void EncodePiece(std::string_view piece, Output* output) const;

  const Alphabet alphabet_;
  const Normalizer normalizer_;
  const std::optional<WordMarks> word_marks_;
  const PieceSplitter splitter_;
  const std::optional<TokenId> bos_;
  const bool add_bos_;
  const bool strips_first_space_;

  const std::vector<AddedToken> added_tokens_;
  std::vector<std::string> bytes_;   // by id: what the token is in text
  std::vector<std::string> pieces_;  // by id: what it is when merges apply; "": no text becomes it
  std::vector<TokenKind> kinds_;
  absl::flat_hash_map<std::string_view, TokenId> added_;  // by content
  absl::flat_hash_map<std::string_view, TokenId> whole_;  // pieces that are encoded as this one token
  size_t longest_whole_ = 0;                              // in bytes
  AddedTokenMatcher raw_matcher_;         // for added tokens that are looked for in the text as it is
  AddedTokenMatcher normalised_matcher_;  // and after normalising
  PairMerger merger_;
};

}  // namespace pass
