// The drafts of one round of `pass`, drawn one after the other: draft k stands at index n + 1 + k and is
// drawn from q_k with the noise of kDraft and base n. q_k is kept, because it is also the q of the ratio and
// of the residual: exactly the array that the draft was drawn from.
//
// Without a head q_k is what the row of [LA]_k gave. With a head it is the row's shortlist as the head scores
// it behind draft k-1 (the first one behind x_{n+1}), after temperature and filters, and 0 for every other
// token: the drafts are drawn through Ask and Answer, one in turn. Behind the last row its recurrent step
// goes on. The chain ends early where the next draft would hardly be reached: a proposal and a row of the
// validation cost about a tenth of what a kept draft saves, and half of the drafts that are reached are kept.
// The end depends on drafts already drawn alone, so that it does not touch their distribution.
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

  // A new round of at most `length` drafts whose newest token is x_n, at index n = `base`: nothing is left of
  // the one before.
  void Begin(int32_t base, int length);

  // The next draft is drawn from `q`.
  void Draw(Distribution q, const SamplingOptions& sampling);
  // A draft comes of this look-ahead row, through Ask and Answer; [LA]_1 first.
  void DrawFrom(DraftHandle row);

  // The request that the next draft needs; none when all are drawn. `frontier`: of the validation, newest is
  // x_{n+1}.
  std::vector<ProposalRequest> Ask(const Frontier& frontier) const;
  // Draws that draft. A head whose numbers are none ends the chain here: fewer drafts, and the same output.
  void Answer(const Proposal& proposal, const SamplingOptions& sampling);

  int32_t base() const { return base_; }
  int size() const { return static_cast<int>(tokens_.size()); }
  TokenId token(int i) const { return tokens_[i]; }     // draft i + 1
  const Distribution& q(int i) const { return q_[i]; }  // what it was drawn from
  // Above every handle of the round; 0 if there was none.
  DraftHandle end_of_handles() const { return end_of_handles_; }

 private:
  int32_t base_ = 0;
  int length_ = 0;
  std::vector<TokenId> tokens_;
  std::vector<Distribution> q_;
  // By draft, as far as they are known: the look-ahead rows', then the recurrent steps'. Empty without a head.
  std::vector<DraftHandle> handles_;
  double reach_ = 1;  // that all drafts so far are right, if the head is
  DraftHandle end_of_handles_ = 0;
};

}  // namespace pass
