// The table of merges that a vocabulary has, from the list of tokenizer.json or from the scores of SentencePiece.
#pragma once

#include "absl/status/status.h"
#include "core/text/pair_merger.h"
#include "core/text/tokenizer.h"

namespace pass {

// Merges that make a control token are left out: no text makes one. INVALID_ARGUMENT: a merge joins or makes what
// is not in the vocabulary.
absl::Status AddMerges(const TokenizerSpec& spec, PairMerger* merger);

}  // namespace pass
