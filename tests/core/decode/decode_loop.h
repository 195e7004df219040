// Decodes with a decoder over a model, without an engine: alone, or several sequences in forwards of changing
// batches.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "core/decode/decoder.h"
#include "core/language_model/language_model.h"

namespace pass {

struct Decoded {
  std::vector<TokenId> tokens;  // cut to the length that was asked for
  int forwards = 0;
  int validation_steps = 0;
  int drafted = 0;
  int accepted = 0;
  std::vector<int> accepted_lengths;  // by validation step
};

// One sequence on its way. The decoder, the options and the model are borrowed.
class DecodingStream {
 public:
  DecodingStream(LanguageModel& model, Decoder& decoder, const SamplingOptions& sampling,
                 std::span<const TokenId> prompt, int num_tokens);
  ~DecodingStream() { model_.Close(frontier_.sequence); }

  bool done() const { return decoded_.tokens.size() == num_tokens_; }
  const Decoded& decoded() const { return decoded_; }

  // What the decoder wants proposed, until it wants no more.
  void Draft();
  // Appends this stream's rows to those of a forward, and takes their results back.
  void Plan(std::vector<Row>& rows);
  void Absorb(std::span<const RowResult> results);

 private:
  LanguageModel& model_;
  Decoder& decoder_;
  const size_t num_tokens_;
  std::vector<TokenId> text_;
  Frontier frontier_;
  int first_row_ = 0;
  int num_rows_ = 0;
  Decoded decoded_;
};

// `prompt`: at least one token. Everything runs in forwards of this sequence alone.
Decoded Decode(LanguageModel& model, Decoder& decoder, const SamplingOptions& sampling,
               std::span<const TokenId> prompt, int num_tokens);

// One forward after another for a random choice of the unfinished streams, in random order, until all are
// done.
void DecodeInRandomBatches(LanguageModel& model, std::span<const std::unique_ptr<DecodingStream>> streams,
                           std::mt19937& random);

}  // namespace pass
