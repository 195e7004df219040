// The splits of the families of byte-level vocabularies, by the names that GGUF files give them. tokenizer.json
// spells its splits out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/text/normalizer.h"
#include "core/text/piece_splitter.h"

namespace pass {

struct PreTokenizerFamily {
  std::vector<SplitStep> splits = {};
  std::vector<NormalizerStep> normalizer = {};
  bool ignore_merges = false;
  bool adds_bos = false;  // where the file does not say
};

// GPT-2's own split, which tokenizer.json calls ByteLevel with use_regex.
SplitStep Gpt2Split();

// `name`: tokenizer.ggml.pre. INVALID_ARGUMENT, with the names that are known: another one.
absl::StatusOr<PreTokenizerFamily> FindPreTokenizer(std::string_view name);

}  // namespace pass
