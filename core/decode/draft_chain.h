// The drafts of one round of `pass` (see pass.h). Draft k stands at index n + 1 + k. It is drawn from q_k
// with the noise of Purpose::kDraft and base n. q_k is kept, because the acceptance test and the residual
// need exactly the distribution that the draft was drawn from.
//
// Without a head q_k is what the row of [LA]_k gave. With a head the drafts are drawn one after the other
// through Ask and Answer. Draft k then comes from the proposal behind draft k-1, the first one from the
// proposal behind x_{n+1}. Its q_k is the proposal after temperature and filters, and 0 for every other
// token. Behind the last look-ahead row the head's recurrent step goes on.
//
// The chain ends early when the next draft would hardly be reached, for this reason. A draft costs a proposal
// and a row of the validation, about a tenth of what a kept draft saves. Half of the drafts that are reached
// are kept. The end depends on drafts already drawn and on nothing else, so it does not touch the
// distribution of a draft that is made.
//
// Owner: PassDecoder. Thread: the engine's.
#pragma once

#include <cstdint>
#include <vector>

#include "core/decode/decoder.h"
#include "core/language_model/language_model.h"
#include "core/sampling/distribution.h"

namespace pass {

class DraftChain {
 public:
  static constexpr double kLeastReach = 0.2;

  // Begins a round of at most `length` drafts. Its newest token x_n stands at index n = `base`. Nothing is
  // left of the round before.
  void Begin(int32_t base, int length);

  // Draws the next draft from `q`.
  void Draw(Distribution q, const SamplingOptions& sampling);
  // A draft will come of this look-ahead row, through Ask and Answer. Call it for [LA]_1 first.
  void DrawFrom(DraftHandle row);

  // The request that the next draft needs; empty when no further draft is wanted. `frontier`: of the
  // validation, so its newest token is x_{n+1}.
  std::vector<ProposalRequest> Ask(const Frontier& frontier) const;
  // Draws that draft. If the head gave no valid numbers, the chain ends here: there are fewer drafts, and the
  // output is still distributed as it should be.
  void Answer(const Proposal& proposal, const SamplingOptions& sampling);

  int32_t base() const { return base_; }
  int size() const { return static_cast<int>(tokens_.size()); }
  TokenId token(int i) const { return tokens_[i]; }     // draft i + 1
  const Distribution& q(int i) const { return q_[i]; }  // what it was drawn from
  // One more than the largest handle of the round; 0 if there was none.
  DraftHandle end_of_handles() const { return end_of_handles_; }

 private:
  int32_t base_ = 0;
  int length_ = 0;
  std::vector<TokenId> tokens_;
  std::vector<Distribution> q_;
  // By draft, as far as they are known: first those of look-ahead rows, then those of recurrent steps. Empty
  // without a head.
  std::vector<DraftHandle> handles_;
  double reach_ = 1;  // product of the probabilities that the head gave to the drafts so far
  DraftHandle end_of_handles_ = 0;
};

}  // namespace pass
