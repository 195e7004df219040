// A transformer's decoder behind the seam: one ragged forward over rows of many sequences. All families are one block with
// switches (core/checkpoint/config.h).
//
// Shapes: R rows, d width. The residual stream is fp32 [R, d]; everything that a linear reads is in the compute type.
// Thread: the engine's; torch's intra-op threads belong to it.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <span>
#include <vector>

#include "core/kernels/thread_team.h"
#include "core/language_model/language_model.h"
#include "core/model/backend/backend.h"
#include "core/model/kv_cache.h"
#include "core/model/lookahead/drafter.h"
#include "core/model/lookahead/lookahead_weights.h"
#include "core/model/weights.h"

namespace pass {

class Transformer final : public LanguageModel {
 public:
  // Weights and cache are the backend's. `num_threads`: that compute, at least 1.
  Transformer(const ModelConfig& config, ModelInfo info, std::unique_ptr<Backend> backend,
              ModelWeights weights, LookaheadWeights lookahead, KvCache cache, int num_threads);

  const ModelInfo& info() const override { return info_; }
  KvUsage kv_usage() const override { return cache_.usage(); }
  absl::StatusOr<SequenceId> Open(int32_t max_tokens) override { return cache_.Open(max_tokens); }
  void Close(SequenceId id) override;
  absl::StatusOr<std::vector<RowResult>> Forward(std::span<const Row> rows) override;
  absl::Status Commit(SequenceId id, std::span<const int> rows) override;
  absl::StatusOr<std::vector<Proposal>> Propose(std::span<const ProposalRequest> requests) override;
  void ReleaseDrafts(SequenceId id, DraftHandle before) override { drafter_.Release(id, before); }

  // The logits of all rows, fp32 [R, vocab] on the CPU, whatever they ask for: for tests and tools.
  absl::StatusOr<at::Tensor> ForwardLogits(std::span<const Row> rows);

 private:
  // Buffers of a step, kept from one to the next; first dimension R.
  struct Buffers {
    at::Tensor residual, normed, query, attended, activated;
  };

  absl::Status CheckRow(std::span<const Row> rows, int index) const;
  absl::Status Check(std::span<const Row> rows) const;
  Buffers BuffersFor(int64_t rows);
  // `all`: every row is wanted, not only those that ask for something. In inference mode.
  absl::StatusOr<StepOutputs> Step(std::span<const Row> rows, bool all);
  StepOutputs StepOn(const ForwardPlan& plan);
  // Before the final norm: the residual stream, fp32 [R, d], and what the last block adds to it, [R, d].
  struct HiddenRows {
    at::Tensor residual, delta;
  };
  HiddenRows Hidden(const ForwardPlan& plan);
  // Queries and keys of qkv, in place, of a model that has norms for them.
  void NormQueriesAndKeys(const LayerWeights& weights, at::Tensor& qkv) const;
  std::unique_ptr<ForwardPlan> PlanFor(std::span<const Row> rows, bool all) const;
  // What a row asked for, from its logits, and its shortlist if it asked for that.
  struct ReadRow {
    RowResult result;
    Shortlist shortlist;
  };
  ReadRow Read(const Row& row, const at::Tensor& logits, int64_t index) const;
  ReadRow ReadBest(const Row& row, const at::Tensor& best, int64_t index) const;
  // Of the rows that want an output, whose indices these are.
  std::vector<ReadRow> ReadAll(std::span<const Row> rows, std::span<const int64_t> wanted,
                               const StepOutputs& outputs);
  static void KeepTorchOnThisThread();

  ModelConfig config_;
  HeadShape shape_;
  ModelInfo info_;
  std::unique_ptr<Backend> backend_;
  ModelWeights weights_;
  LookaheadWeights lookahead_;
  std::vector<RopeTables> ropes_;  // one per layer
  KvCache cache_;
  Drafter drafter_;
  ThreadTeam team_;
  Buffers buffers_;             // of info_.max_batch_rows rows
  std::vector<Row> last_rows_;  // of the last forward, for Commit
};

}  // namespace pass
