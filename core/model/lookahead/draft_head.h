// The head: corrects a look-ahead row's state u with the token just before the predicted one, whose embedding is e,
//   u' = u + w2 silu(w1 [u; e]),
// and scores tokens by the logits of u'. Applied again to its own output, it predicts the token after (recurrent step).
// Hydra (arXiv 2402.05109) has heads of this kind; the sampler head of arXiv 2507.11851 is one.
//
// Shapes: n states of width d, in the compute type; each u' is rounded to it once, where it is made. On the CPU every state
// is computed on its own, in a fixed order: row-invariant. On other devices the formulation is ATen's. Immutable.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/token_id.h"
#include "core/model/linear.h"
#include "core/model/lookahead/lookahead_file.h"

namespace pass {

class DraftHead {
 public:
  // `embedding` and `lm_head`: [vocab, d], compute type, on the model's device; kept.
  DraftHead(const LookaheadHead& head, at::Tensor embedding, at::Tensor lm_head);

  // u' [n, d] of states u [n, d] and one token each.
  at::Tensor Advance(const at::Tensor& states, std::span<const TokenId> previous) const;

  // Logits of these tokens for state `row` of [n, d]; out.size() == ids.size(). Any thread.
  void Score(const at::Tensor& states, int64_t row, std::span<const TokenId> ids, std::span<float> out) const;
  // Logits of the frequent tokens for all states, fp32 [n, F] on the CPU.
  at::Tensor ScoreFrequent(const at::Tensor& states) const;
  // Ascending.
  const std::vector<int32_t>& frequent_tokens() const { return frequent_tokens_; }

  // Advance by ATen, on plain w1 [H, 2 d] and w2 [d, H], for embeddings e [n, d]: test oracle and path of other devices.
  static at::Tensor Aten(const at::Tensor& states, const at::Tensor& e, const at::Tensor& w1,
                         const at::Tensor& w2);

 private:
  at::Tensor embedding_, lm_head_;
  at::Tensor plain_w1_, plain_w2_;  // on other devices
  Linear w1_, w2_;                  // on the CPU
  Linear frequent_;                 // [F, d]: those rows of lm_head
  std::vector<int32_t> frequent_tokens_;
};

}  // namespace pass
