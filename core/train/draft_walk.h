// What the drafts of one text would have been, behind each of its anchors: the same proposals that serving makes
// (core/language_model/language_model.h, Propose), for all anchors of a text at once, over plain weights.
//
// A depth j >= 1 drafts the token j behind the anchor's own draw: token p + 1 + j. Up to `rows` it starts from the row of
// [LA]_j, beyond from the recurrent step after the depth before. Shapes: N anchors, d width, m shortlist.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "core/base/token_id.h"
#include "core/sampling/sampling_options.h"
#include "core/train/frozen_model.h"

namespace pass {

// A continuation of the model's own.
struct OwnText {
  std::vector<TokenId> tokens;  // prompt and continuation
  int32_t prompt_tokens = 0;
  SamplingOptions sampling;  // with which the continuation was drawn
  bool loops = false;        // under 60 % distinct 4-grams in the continuation
};

// Candidates for one token, likeliest first. Of sampled texts in the order of core/sampling/draft_rank.h.
struct DraftList {
  std::vector<TokenId> ids;
  std::vector<float>
      probabilities;  // softmax over the list of what is compared: the chance of each, as drafts are ranked
  float overlap = 0;  // sum of min(p, q) before noise
};

struct DraftRequest {
  int anchor = 0;  // index of the anchor
  int depth = 1;
  TokenId previous = 0;    // the token just before the drafted one
  bool recurrent = false;  // from `states`, else from the row of [LA]_depth
};

struct DraftReplies {
  std::vector<DraftList> lists;  // per request
  at::Tensor states;  // [requests, d], after the head: for the recurrent step; undefined without a head
};

class DraftWalk {
 public:
  // `parameters`: in the compute type. Runs the teacher and `lookahead` rows behind every anchor.
  DraftWalk(const FrozenModel& model, const LookaheadParameters& parameters,
            std::span<const int32_t> frequent_tokens, const OwnText& text, int lookahead);

  int32_t first_anchor() const { return text_.prompt_tokens - 1; }
  int num_anchors() const { return num_anchors_; }
  const OwnText& text() const { return text_; }
  bool has_head() const { return parameters_.has_head(); }

  int lookahead() const { return lookahead_; }

  // `states`: [requests, d], read where a request is recurrent; may be undefined if none is.
  DraftReplies Propose(std::span<const DraftRequest> requests, const at::Tensor& states) const;

 private:
  DraftList Rank(std::span<const TokenId> ids, std::span<const float> logits, int32_t position) const;

  const FrozenModel& model_;
  const LookaheadParameters& parameters_;
  const OwnText& text_;
  int lookahead_;
  int num_anchors_;
  Teacher teacher_;
  SamplingOptions ranked_;  // how drafts are ranked: as the text was drawn, greedy ones at temperature 1
  std::vector<Distribution>
      targets_;        // p of every drafted position, from the second behind the first anchor on
  at::Tensor hidden_;  // [N * L, d]
  std::vector<std::vector<TokenId>> shortlists_;  // per row, ascending
  std::vector<std::vector<float>> shortlist_logits_;
  std::vector<TokenId> scored_;  // tokens that recurrent steps score, ascending
  at::Tensor scored_weights_;    // [|scored|, d]
};

}  // namespace pass
