// Method `pass`: PaSS, parallel speculative sampling, Algorithm 1 of Monea, Joulin, Grave (arXiv 2311.13581).
//
// A round is two forwards. Its newest token is x_n, at index n.
//   draft       The rows are x_n and [LA]_1 .. [LA]_L. The ordinary row gives token n + 1. This is the
//               model's own token and needs no validation. The row of [LA]_k gives q_k, and the draft of
//               index n + 1 + k is drawn from q_k.
//   validation  The rows are x_{n+1} and the L drafts. From left to right the acceptance rule keeps a draft
//               or not. The first draft that is not kept is replaced by a draw from the residual, which ends
//               the round. If all are kept, one more token is drawn, the bonus.
// A round emits 2 to L + 2 tokens. They are distributed exactly as those of plain decoding, and equal to them
// when greedy.
//
// Without a head this is the paper to the letter, and q_k is over the whole vocabulary. A head is a small
// network that corrects a look-ahead row's prediction with the token before the predicted one. With a head
// q_k depends on draft k-1 and is over a shortlist, so the drafts are drawn one by one between the two
// forwards (draft_chain.h). Only the first kRowsWithHead drafts have look-ahead rows then. The others come
// from the head's recurrent step, which predicts nearly as well as a row and costs much less.
//
// Noise (core/sampling/noise.h): the first token, the residual and the bonus use kTarget, so that with L = 0
// the output is that of plain decoding. Drafts use kDraft and acceptance tests use kAccept, both with base n.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/decode/accept.h"
#include "core/decode/decoder.h"
#include "core/decode/draft_chain.h"

namespace pass {

class PassDecoder final : public Decoder {
 public:
  static constexpr int kRowsWithHead = 2;

  // `lookahead`: L, at most the model's. Rounds near the context's end have fewer drafts, so that no row and
  // no draft stands past it.
  PassDecoder(int lookahead, const ModelInfo& model, const AcceptanceRule& rule = {});

  int rows_wanted() const override { return lookahead_ + 1; }
  std::vector<ProposalRequest> Ask(const Frontier& frontier) override;
  void Answer(const Frontier& frontier, std::span<const Proposal> proposals) override;
  std::vector<Row> Plan(const Frontier& frontier) override;
  Absorbed Absorb(const Frontier& frontier, std::span<const RowResult> results) override;
  bool AtBoundary() const override { return phase_ == Phase::kDraft; }

 private:
  enum class Phase : uint8_t { kDraft, kValidate };

  int NumDrafts(const Frontier& frontier) const;  // the most drafts of a round that begins there
  std::vector<Row> PlanDraft(const Frontier& frontier) const;
  Absorbed AbsorbDraft(const Frontier& frontier, std::span<const RowResult> results);
  std::vector<Row> PlanValidation(const Frontier& frontier) const;
  Absorbed AbsorbValidation(const Frontier& frontier, std::span<const RowResult> results);

  const int lookahead_;
  const int32_t context_length_;
  const bool has_head_;
  const AcceptanceRule rule_;

  Phase phase_ = Phase::kDraft;
  DraftChain chain_;  // the round's drafts, from its draft forward on
};

}  // namespace pass
