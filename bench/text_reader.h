// A text that a model reads chunk by chunk, and what it expects after each token, at temperature 1 and without filters.
//
// Thread: the model's.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/language_model/language_model.h"

namespace pass::bench {

class TextReader {
 public:
  static constexpr size_t kChunk = 32;  // tokens of a Read, at most: whole distributions are large

  // For a text of so many tokens. `model` is borrowed; the sequence closes with the reader. Errors: what the model says.
  static absl::StatusOr<TextReader> Open(LanguageModel& model, size_t tokens);
  TextReader(TextReader&& other) noexcept;
  TextReader& operator=(TextReader&&) = delete;
  ~TextReader();

  // What follows each of the next tokens.
  absl::StatusOr<std::vector<Distribution>> Read(std::span<const TokenId> tokens);

 private:
  TextReader(LanguageModel* model, SequenceId id) : model_(model), id_(id) {}

  LanguageModel* model_;
  SequenceId id_;
  int32_t position_ = 0;
  SamplingOptions sampling_;
};

// The lowest id on ties.
TokenId LikeliestToken(const Distribution& distribution);

// log p(token), of a token that is not listed that of a very small share.
double LogShare(const Distribution& distribution, TokenId token);

}  // namespace pass::bench
