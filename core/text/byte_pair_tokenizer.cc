#include "core/text/byte_pair_tokenizer.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/base/utf8.h"
#include "core/text/byte_alphabet.h"
#include "core/text/byte_token.h"
#include "core/text/merges.h"

namespace pass {
namespace {

constexpr size_t kMaxTextBytes = size_t{1} << 31;       // positions are 32-bit numbers with room to spare
constexpr std::string_view kWordMark = "\xE2\x96\x81";  // U+2581

std::string ReplaceAll(std::string_view text, std::string_view from, std::string_view to) {
  std::string result;
  size_t begin = 0;
  for (size_t at = text.find(from); at != std::string_view::npos; at = text.find(from, begin)) {
    result.append(text.substr(begin, at - begin)).append(to);
    begin = at + from.size();
  }
  return result.append(text.substr(begin));
}

// What a token is in text. One that is not written in the alphabet is its own text.
std::string BytesOf(Alphabet alphabet, const std::string& token) {
  if (alphabet == Alphabet::kBytes) return BytesFromPrintable(token).value_or(token);
  if (const std::optional<uint8_t> byte = ByteOfToken(token)) return std::string(1, static_cast<char>(*byte));
  return ReplaceAll(token, kWordMark, " ");
}

}  // namespace

BytePairTokenizer::BytePairTokenizer(PieceSplitter splitter, const TokenizerSpec& spec)
    : alphabet_(spec.alphabet),
      normalizer_(spec.normalizer),
      word_marks_(spec.word_marks),
      splitter_(std::move(splitter)),
      bos_(spec.bos),
      add_bos_(spec.add_bos),
      strips_first_space_(spec.strips_first_space),
      added_tokens_(spec.added) {}

absl::StatusOr<std::unique_ptr<BytePairTokenizer>> BytePairTokenizer::Create(TokenizerSpec spec) {
  std::vector<SplitStep> splits = spec.splits;
  if (spec.word_marks && spec.word_marks->split) {
    splits.insert(splits.begin(), {.pattern = std::string(kWordMark),
                                   .is_expression = false,
                                   .behavior = SplitStep::Behavior::kMergedWithNext});
  }
  PASS_ASSIGN_OR_RETURN(PieceSplitter splitter, PieceSplitter::Create(std::move(splits)));
  std::unique_ptr<BytePairTokenizer> tokenizer(new BytePairTokenizer(std::move(splitter), spec));
  PASS_RETURN_IF_ERROR(tokenizer->AddTokens(spec));
  PASS_RETURN_IF_ERROR(tokenizer->AddAddedTokens(spec));
  PASS_RETURN_IF_ERROR(tokenizer->CheckBytes());
  PASS_RETURN_IF_ERROR(AddMerges(spec, &tokenizer->merger_));
  if (spec.bos && !tokenizer->IsToken(*spec.bos)) {
    return absl::InvalidArgumentError(absl::StrCat("bos id ", *spec.bos, " is outside the vocabulary"));
  }
  PASS_RETURN_IF_ERROR(tokenizer->AddWholePieces(spec.ignore_merges));
  return tokenizer;
}

absl::Status BytePairTokenizer::AddTokens(const TokenizerSpec& spec) {
  size_t size = spec.tokens.size();
  for (const AddedToken& token : spec.added) size = std::max(size, static_cast<size_t>(token.id) + 1);
  bytes_.resize(size);
  pieces_.resize(size);
  kinds_.resize(size, TokenKind::kUnused);
  for (size_t i = 0; i < spec.tokens.size(); ++i) {
    if (!spec.tokens[i].empty()) AddToken(spec, static_cast<TokenId>(i), spec.tokens[i]);
  }
  return absl::OkStatus();
}

void BytePairTokenizer::AddToken(const TokenizerSpec& spec, TokenId id, const std::string& text) {
  kinds_[id] = TokenKind::kNormal;
  if (alphabet_ == Alphabet::kBytes) {
    const std::optional<std::string> bytes = BytesFromPrintable(text);
    bytes_[id] = bytes.value_or(text);
    pieces_[id] = bytes.value_or("");
    if (bytes && bytes->size() == 1) merger_.SetByte(static_cast<uint8_t>((*bytes)[0]), id);
    return;
  }
  bytes_[id] = BytesOf(alphabet_, text);
  const std::optional<uint8_t> byte = ByteOfToken(text);
  if (byte) merger_.SetByte(*byte, id);
  const Utf8Step first = NextUtf8(text);
  if (first.kind == Utf8Kind::kCharacter && first.length == text.size())
    merger_.SetCharacter(CodePoint(text), id);
  // Among scores a byte's token belongs to no piece; a list of merges may still make it.
  if (!byte || spec.scores.empty()) pieces_[id] = text;
}

absl::Status BytePairTokenizer::AddAddedTokens(const TokenizerSpec& spec) {
  const Normalizer normalizer(spec.normalizer);
  for (const AddedToken& token : added_tokens_) {
    if (token.id < 0) return absl::InvalidArgumentError(absl::StrCat("'", token.content, "' has no id"));
    const auto index = static_cast<size_t>(token.id);
    const auto [known, is_new] = added_.emplace(token.content, token.id);
    const bool taken = index < spec.tokens.size() && !spec.tokens[index].empty()
                           ? spec.tokens[index] != token.content
                           : kinds_[index] != TokenKind::kUnused && is_new;
    if (known->second != token.id || taken) {
      return absl::InvalidArgumentError(
          absl::StrCat("token ", token.id, " '", token.content, "' is there twice, or is two tokens"));
    }
    bytes_[index] = BytesOf(alphabet_, token.content);
    kinds_[index] = token.special ? TokenKind::kControl : TokenKind::kAdded;
    if (token.normalized) {
      normalised_matcher_.Add(token, normalizer.Apply(token.content));
    } else {
      raw_matcher_.Add(token, token.content);
    }
    if (token.control) pieces_[index].clear();
  }
  return absl::OkStatus();
}

// Where characters stand for themselves, one without a token is spelled in bytes: all of them must be there.
absl::Status BytePairTokenizer::CheckBytes() const {
  if (alphabet_ == Alphabet::kBytes) return absl::OkStatus();
  for (int byte = 0; byte < 256; ++byte) {
    if (!merger_.HasByte(static_cast<uint8_t>(byte))) {
      return absl::InvalidArgumentError(
          absl::StrCat("the vocabulary lacks the byte token ", ByteToken(static_cast<uint8_t>(byte))));
    }
  }
  return absl::OkStatus();
}

// Most pieces of most texts are one token: these are known without merging.
absl::Status BytePairTokenizer::AddWholePieces(bool ignore_merges) {
  PairMerger::Scratch scratch;
  std::vector<TokenId> ids;
  absl::flat_hash_set<std::string_view> seen;
  for (size_t i = 0; i < pieces_.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const std::string_view piece = pieces_[i];
    if (piece.empty()) continue;
    if (!seen.insert(piece).second) {
      return absl::InvalidArgumentError(absl::StrCat("token ", id, " '", pieces_[i], "' is there twice"));
    }
    ids.clear();
    if (!ignore_merges) merger_.Encode(piece, &scratch, &ids);
    if (!ignore_merges && (ids.size() != 1 || ids[0] != id)) continue;
    whole_.emplace(piece, id);
    longest_whole_ = std::max(longest_whole_, piece.size());
  }
  return absl::OkStatus();
}

void BytePairTokenizer::EncodePiece(std::string_view piece, Output* output) const {
  const auto found = piece.size() > longest_whole_ ? whole_.end() : whole_.find(piece);
  if (found != whole_.end()) {
    output->ids.push_back(found->second);
  } else {
    merger_.Encode(piece, &output->scratch, &output->ids);
  }
}

// Stretches of valid UTF-8 are split by the pre-tokenizer, and each byte that belongs to no character is a piece
// of its own.
absl::Status BytePairTokenizer::EncodePieces(std::string_view text, Output* output) const {
  while (!text.empty()) {
    const size_t valid = ValidUtf8Prefix(text);
    PASS_RETURN_IF_ERROR(
        splitter_.Split(text.substr(0, valid), [&](std::string_view piece) { EncodePiece(piece, output); }));
    text.remove_prefix(valid);
    if (text.empty()) break;
    for (size_t length = NextUtf8(text).length; length > 0; --length) {
      EncodePiece(text.substr(0, 1), output);
      text.remove_prefix(1);
    }
  }
  return absl::OkStatus();
}

absl::Status BytePairTokenizer::EncodeNormalised(std::string_view text, bool at_start, Output* output) const {
  if (!word_marks_ || text.empty()) return EncodePieces(text, output);
  std::string marked = ReplaceAll(text, " ", kWordMark);
  const bool wants_mark = word_marks_->where == WordMarks::Where::kEverywhere ||
                          (word_marks_->where == WordMarks::Where::kAtTheStart && at_start);
  if (wants_mark && !marked.starts_with(kWordMark)) marked.insert(0, kWordMark);
  return EncodePieces(marked, output);
}

absl::Status BytePairTokenizer::EncodeStretch(std::string_view text, const Authorship& authorship,
                                              bool at_start, Output* output) const {
  MarkedText normalised;
  Authorship author = authorship;
  if (!normalizer_.empty()) {
    normalised = normalizer_.Apply(text, authorship.marks());
    text = normalised.text;
    if (authorship.by_bytes()) author = Authorship(std::string_view(normalised.marks));
  }
  return normalised_matcher_.Cut(text, author, [&](const AddedTokenMatcher::Stretch& stretch) {
    if (stretch.token == nullptr) {
      return EncodeNormalised(text.substr(stretch.begin, stretch.length), at_start && stretch.begin == 0,
                              output);
    }
    output->ids.push_back(stretch.token->id);
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<TokenId>> BytePairTokenizer::EncodeText(std::string_view text,
                                                                   const Authorship& authorship) const {
  if (text.size() > kMaxTextBytes) return absl::InvalidArgumentError("text is longer than 2 GiB");
  Output output;
  PASS_RETURN_IF_ERROR(raw_matcher_.Cut(text, authorship, [&](const AddedTokenMatcher::Stretch& stretch) {
    if (stretch.token == nullptr) {
      return EncodeStretch(text.substr(stretch.begin, stretch.length),
                           authorship.Slice(stretch.begin, stretch.length), stretch.begin == 0, &output);
    }
    output.ids.push_back(stretch.token->id);
    return absl::OkStatus();
  }));
  return std::move(output.ids);
}

}  // namespace pass
