// PaSS, parallel speculative sampling: Algorithm 1 of Monea, Joulin, Grave (arXiv 2311.13581).
//
// A round is two forwards. With the newest token x_n at index n:
//   draft       rows x_n, [LA]_1 .. [LA]_L: the ordinary row gives the token n+1, which is the model's own
//               and needs no validation; the row of [LA]_k gives q_k, from which the draft of index n+1+k is
//               drawn.
//   validation  rows x_{n+1} and the L drafts: each draft is kept or not by the acceptance rule; the first
//               one that is not is replaced by a draw from the residual, and if all are kept one more token
//               is drawn (the bonus).
// A round emits 2 to L + 2 tokens, distributed exactly as those of plain decoding, and the same ones when
// greedy.
//
// Without a head this is the paper to the letter, and q_k lives on the whole vocabulary. With a head q_k
// depends on draft k-1 and lives on a shortlist: the drafts are drawn between the two forwards
// (core/decode/draft_chain.h). The first kRowsWithHead drafts have rows; the head's recurrent step predicts the
// others nearly as well as rows would, and costs much less than a row of the draft forward.
//
// Noise (core/sampling/noise.h): the first token, the residual and the bonus use kTarget, so that with L = 0
// the output is that of plain decoding; drafts use kDraft and acceptance tests kAccept, both with base n.
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

  int NumDrafts(const Frontier& frontier) const;  // of a round that begins there, at most
  std::vector<Row> PlanDraft(const Frontier& frontier) const;
  Absorbed AbsorbDraft(const Frontier& frontier, std::span<const RowResult> results);
  std::vector<Row> PlanValidation(const Frontier& frontier) const;
  Absorbed AbsorbValidation(const Frontier& frontier, std::span<const RowResult> results);

  const int lookahead_;
  const int32_t context_length_;
  const bool has_head_;
  const AcceptanceRule rule_;

  Phase phase_ = Phase::kDraft;
  DraftChain chain_;  // of the round, from its draft forward on
};

}  // namespace pass
