// Algorithm 1 once more, with one mistake of the kind that is easy to make: the tests show that they would
// notice it. Mistakes that another acceptance rule can express are in pass_distribution_test.cc, on the
// product's own decoder.
//
// Leaving only the base out of the keys is not among them: drafts behind a rejected one are never looked at,
// so their noise is still fresh when their index is decided anew. Noise that every round uses again is not.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/decode/decoder.h"

namespace pass {

enum class Mistake : uint8_t {
  kNone,                            // a control: the same tokens as PassDecoder
  kBonusFromWrongRow,               // the bonus is drawn from the distribution that validated the last draft
  kBonusReusesFirstTokensKey,       // ... or with the noise of the round's first token
  kStaleKeyAfterRejection,          // the residual is drawn with the noise of the round's first token
  kCommitsTheRejectedDraft,         // keys and values of a token that is not in the output stay
  kDraftAndAcceptanceShareNoise,    // u is the bits that drew the draft
  kDraftAndResidualShareNoise,      // drafts are drawn with the target's noise
  kDraftNoiseIsReusedByEveryRound,  // its key is the draft's number: after a rejection the same noise drafts
                                    // again
  // The q of the ratio and the residual is not the one that the draft was drawn from:
  kRatioAtAnotherTemperature,
  // the same with a head,
  kQNotNormalisedOverTheShortlist,  // but has the head's weights over the whole vocabulary
  kQBehindAnotherToken,             // but the head's behind another token than the one before the draft
  kQBeforeTheFilters,               // but what it was before top_k, top_p and min_p
};

class BrokenPass final : public Decoder {
 public:
  BrokenPass(int lookahead, const ModelInfo& model, Mistake mistake)
      : lookahead_(lookahead), vocab_size_(model.vocab_size), has_head_(model.has_head), mistake_(mistake) {}

  std::vector<ProposalRequest> Ask(const Frontier& frontier) override;
  void Answer(const Frontier& frontier, std::span<const Proposal> proposals) override;
  std::vector<Row> Plan(const Frontier& frontier) override;
  Absorbed Absorb(const Frontier& frontier, std::span<const RowResult> results) override;
  bool AtBoundary() const override { return drafting_; }

 private:
  Absorbed AbsorbDraft(const Frontier& frontier, std::span<const RowResult> results);
  Absorbed AbsorbValidation(const Frontier& frontier, std::span<const RowResult> results);

  const int lookahead_;
  const int64_t vocab_size_;
  const bool has_head_;
  const Mistake mistake_;
  bool drafting_ = true;
  int32_t base_ = 0;
  std::vector<DraftHandle> handles_;
  std::vector<TokenId> drafts_;
  double reach_ = 1;
  std::vector<Distribution> q_;
};

}  // namespace pass
