#include "core/text/tokenizer.h"

#include <limits>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "core/base/status_macros.h"
#include "core/text/byte_alphabet.h"
#include "core/text/literal_matcher.h"
#include "core/text/pair_merger.h"
#include "core/text/piece_splitter.h"
#include "core/text/utf8.h"

namespace pass {
namespace {

constexpr size_t kMaxTextBytes = size_t{1} << 31;  // positions are 32-bit numbers with room to spare

class BytePairTokenizer final : public Tokenizer {
 public:
  BytePairTokenizer(PieceSplitter splitter, const TokenizerSpec& spec)
      : splitter_(std::move(splitter)), kinds_(spec.kinds), bos_(spec.bos), add_bos_(spec.add_bos) {}

  absl::Status AddTokens(const std::vector<std::string>& tokens);
  absl::Status AddMerges(std::span<const std::pair<std::string, std::string>> merges);
  void AddWholePieces(bool ignore_merges);

  absl::StatusOr<std::vector<TokenId>> Encode(std::string_view text, bool parse_control) const override;
  std::string_view TokenBytes(TokenId id) const override {
    return IsToken(id) ? std::string_view(bytes_[id]) : std::string_view();
  }
  TokenKind Kind(TokenId id) const override { return IsToken(id) ? kinds_[id] : TokenKind::kUnused; }
  int64_t vocab_size() const override { return static_cast<int64_t>(bytes_.size()); }
  std::optional<TokenId> Find(std::string_view token) const override {
    const auto found = literals_.find(token);
    return found == literals_.end() ? std::nullopt : std::optional(found->second);
  }
  std::optional<TokenId> bos() const override { return bos_; }
  bool add_bos() const override { return add_bos_; }

 private:
  bool IsToken(TokenId id) const { return id >= 0 && static_cast<size_t>(id) < bytes_.size(); }
  void EncodePiece(std::string_view piece, PairMerger::Scratch* scratch, std::vector<TokenId>* ids) const;
  absl::Status EncodeOrdinary(std::string_view text, PairMerger::Scratch* scratch,
                              std::vector<TokenId>* ids) const;

  const PieceSplitter splitter_;
  const std::vector<TokenKind> kinds_;
  const std::optional<TokenId> bos_;
  const bool add_bos_;
  std::vector<std::string> bytes_;  // by id; filled once, so that the views below stay good
  absl::flat_hash_map<std::string_view, TokenId> normal_;    // by bytes
  absl::flat_hash_map<std::string_view, TokenId> literals_;  // control and added tokens, by text
  absl::flat_hash_map<std::string_view, TokenId> whole_;     // pieces that are encoded as this one token
  LiteralMatcher added_;
  LiteralMatcher added_and_control_;
  PairMerger merger_;
};

absl::Status BytePairTokenizer::AddTokens(const std::vector<std::string>& tokens) {
  bytes_.resize(tokens.size());
  for (size_t i = 0; i < tokens.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const TokenKind kind = kinds_[i];
    if (kind == TokenKind::kUnused) continue;
    std::optional<std::string> bytes;
    if (kind == TokenKind::kNormal) bytes = BytesFromPrintable(tokens[i]);
    // A normal token outside the byte alphabet is its own text: it can be decoded, but no text encodes to it.
    const bool spelled_in_bytes = bytes.has_value();
    bytes_[i] = spelled_in_bytes ? *std::move(bytes) : tokens[i];
    if (spelled_in_bytes) {
      if (!normal_.emplace(bytes_[i], id).second) {
        return absl::InvalidArgumentError(absl::StrCat("token ", id, " '", tokens[i], "' is there twice"));
      }
      if (bytes_[i].size() == 1) merger_.SetByte(static_cast<uint8_t>(bytes_[i][0]), id);
    } else if (kind != TokenKind::kNormal) {
      if (!literals_.emplace(bytes_[i], id).second) {
        return absl::InvalidArgumentError(absl::StrCat("token ", id, " '", tokens[i], "' is there twice"));
      }
      added_and_control_.Add(bytes_[i], id);
      if (kind == TokenKind::kAdded) added_.Add(bytes_[i], id);
    }
  }
  return absl::OkStatus();
}

absl::Status BytePairTokenizer::AddMerges(std::span<const std::pair<std::string, std::string>> merges) {
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    const auto left_bytes = BytesFromPrintable(left);
    const auto right_bytes = BytesFromPrintable(right);
    const auto unknown = [rank, &left = left, &right = right] {
      return absl::InvalidArgumentError(absl::StrCat("merge ", rank, " '", left, " ", right,
                                                     "' joins or makes what is not a normal token"));
    };
    if (!left_bytes || !right_bytes) return unknown();
    const auto left_id = normal_.find(*left_bytes);
    const auto right_id = normal_.find(*right_bytes);
    const auto merged_id = normal_.find(*left_bytes + *right_bytes);
    if (left_id == normal_.end() || right_id == normal_.end() || merged_id == normal_.end()) return unknown();
    merger_.SetMerge(left_id->second, right_id->second, static_cast<uint32_t>(rank), merged_id->second);
  }
  return absl::OkStatus();
}

// Most pieces of most texts are one token: these are known without merging.
void BytePairTokenizer::AddWholePieces(bool ignore_merges) {
  if (ignore_merges) {
    whole_ = normal_;
    return;
  }
  PairMerger::Scratch scratch;
  std::vector<TokenId> ids;
  for (const auto& [bytes, id] : normal_) {
    ids.clear();
    merger_.Encode(bytes, &scratch, &ids);
    if (ids.size() == 1 && ids[0] == id) whole_.emplace(bytes, id);
  }
}

void BytePairTokenizer::EncodePiece(std::string_view piece, PairMerger::Scratch* scratch,
                                    std::vector<TokenId>* ids) const {
  if (const auto found = whole_.find(piece); found != whole_.end()) {
    ids->push_back(found->second);
  } else {
    merger_.Encode(piece, scratch, ids);
  }
}

// Text without control and added tokens: stretches of valid UTF-8 are split by the pre-tokenizer, and each
// byte that belongs to no character is a piece of its own.
absl::Status BytePairTokenizer::EncodeOrdinary(std::string_view text, PairMerger::Scratch* scratch,
                                               std::vector<TokenId>* ids) const {
  while (!text.empty()) {
    const size_t valid = ValidUtf8Prefix(text);
    PASS_RETURN_IF_ERROR(splitter_.Split(text.substr(0, valid),
                                         [&](std::string_view piece) { EncodePiece(piece, scratch, ids); }));
    text.remove_prefix(valid);
    if (text.empty()) break;
    for (size_t length = NextUtf8(text).length; length > 0; --length) {
      EncodePiece(text.substr(0, 1), scratch, ids);
      text.remove_prefix(1);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TokenId>> BytePairTokenizer::Encode(std::string_view text,
                                                               bool parse_control) const {
  if (text.size() > kMaxTextBytes) return absl::InvalidArgumentError("text is longer than 2 GiB");
  const LiteralMatcher& literals = parse_control ? added_and_control_ : added_;
  PairMerger::Scratch scratch;
  std::vector<TokenId> ids;
  size_t begin = 0;
  while (begin < text.size()) {
    const LiteralMatcher::Match match = literals.Find(text, begin);
    const size_t end = std::min(match.begin, text.size());
    PASS_RETURN_IF_ERROR(EncodeOrdinary(text.substr(begin, end - begin), &scratch, &ids));
    if (match.length > 0) ids.push_back(match.id);
    begin = end + match.length;
  }
  return ids;
}

absl::Status ValidateSpec(const TokenizerSpec& spec) {
  if (spec.tokens.empty()) return absl::InvalidArgumentError("the vocabulary is empty");
  if (spec.tokens.size() > static_cast<size_t>(std::numeric_limits<TokenId>::max())) {
    return absl::InvalidArgumentError("the vocabulary is too large");
  }
  if (spec.kinds.size() != spec.tokens.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("there are ", spec.tokens.size(), " tokens but ", spec.kinds.size(), " token kinds"));
  }
  if (spec.bos && (*spec.bos < 0 || static_cast<size_t>(*spec.bos) >= spec.tokens.size())) {
    return absl::InvalidArgumentError(absl::StrCat("bos id ", *spec.bos, " is outside the vocabulary"));
  }
  if (spec.add_bos && !spec.bos) {
    return absl::InvalidArgumentError("prompts are to begin with bos, but there is no bos token");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::Create(TokenizerSpec spec) {
  PASS_RETURN_IF_ERROR(ValidateSpec(spec));
  PASS_ASSIGN_OR_RETURN(PieceSplitter splitter, PieceSplitter::Create(spec.pre_tokenizer));
  auto tokenizer = std::make_unique<BytePairTokenizer>(std::move(splitter), spec);
  PASS_RETURN_IF_ERROR(tokenizer->AddTokens(spec.tokens));
  PASS_RETURN_IF_ERROR(tokenizer->AddMerges(spec.merges));
  tokenizer->AddWholePieces(spec.ignore_merges);
  return tokenizer;
}

std::string Tokenizer::Decode(std::span<const TokenId> ids, bool skip_special_tokens) const {
  std::string text;
  for (const TokenId id : ids) {
    if (skip_special_tokens && Kind(id) == TokenKind::kControl) continue;
    text.append(TokenBytes(id));
  }
  return text;
}

}  // namespace pass
