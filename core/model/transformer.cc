#include "core/model/transformer.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/kernels/kernels.h"
#include "core/kernels/thread_team.h"
#include "core/language_model/read_out.h"
#include "core/model/backend/best_tokens.h"
#include "core/model/backend/to_tensor.h"
#include "core/model/model_error.h"
#include "core/model/rope.h"

namespace pass {
namespace {

absl::Status Broken(int row, std::string_view what) {
  return absl::InternalError(absl::StrCat("row ", row, " of a forward: ", std::string(what)));
}

constexpr int64_t kDecidedByTheBest = -1;

// Row `index` of logits [*, vocab] on the CPU.
void WidenRow(const at::Tensor& logits, int64_t index, std::span<float> out) {
  const int64_t count = logits.size(1);
  if (logits.scalar_type() == at::kBFloat16) {
    const auto* data = static_cast<const kernels::Bf16*>(logits.data_ptr());
    kernels::ForThisCpu<kernels::Bf16>().widen(data + index * count, out.data(), count);
  } else {
    kernels::ForThisCpu<float>().widen(logits.data_ptr<float>() + index * count, out.data(), count);
  }
}

// c tanh(x / c) of each; nothing for a cap of 0.
void CapLogits(double cap, std::span<float> logits) {
  if (cap <= 0) return;
  const auto c = static_cast<float>(cap);
  for (float& logit : logits) logit = c * std::tanh(logit / c);
}

}  // namespace

Transformer::Transformer(const ModelConfig& config, ModelInfo info, std::unique_ptr<Backend> backend,
                         ModelWeights weights, LookaheadWeights lookahead, KvCache cache, int num_threads)
    : config_(config),
      shape_{config.num_heads, config.num_kv_heads, config.head_dim, config.attention_scale,
             config.attention_softcap},
      info_(std::move(info)),
      backend_(std::move(backend)),
      weights_(std::move(weights)),
      lookahead_(std::move(lookahead)),
      ropes_(MakeRopeTablesOfLayers(config, backend_->options().device())),
      cache_(std::move(cache)),
      drafter_(config.vocab_size, info_.shortlist_size, std::move(lookahead_.head)),
      team_(num_threads) {
  const at::TensorOptions& options = backend_->options();
  const int64_t rows = std::max<int64_t>(info_.max_batch_rows, backend_->least_rows());
  const int64_t heads_width = int64_t{config.num_heads} * config.head_dim;
  buffers_.residual = at::zeros({rows, config.width}, options.dtype(at::kFloat));
  buffers_.normed = at::zeros({rows, config.width}, options);
  buffers_.query = at::zeros({rows, config.num_heads, config.head_dim}, options.dtype(at::kFloat));
  buffers_.attended = at::zeros({rows, heads_width}, options);
  buffers_.activated = at::zeros({rows, config.ffn_width}, options);
}

// The team computes; what is left to torch is small. Its own threads would wait for each other by spinning.
void Transformer::KeepTorchOnThisThread() {
  thread_local bool kept = false;
  if (!kept) at::set_num_threads(1);
  kept = true;
}

absl::Status Transformer::CheckRow(std::span<const Row> rows, int index) const {
  const Row& row = rows[index];
  const KvCache::Entry* entry = cache_.Find(row.sequence);
  if (entry == nullptr) return Broken(index, "its sequence is not open");
  if (row.position < 0 || row.position >= config_.context_length)
    return Broken(index, "position outside the context");
  if (row.parent == kCommittedPrefix) {
    if (row.position != entry->committed)
      return Broken(index, "does not stand at the end of the committed prefix");
  } else if (row.parent < 0 || row.parent >= index || rows[row.parent].sequence != row.sequence ||
             rows[row.parent].position + 1 != row.position) {
    return Broken(index, "its parent is not the row before it in its sequence");
  }
  if (row.lookahead < 0 || row.lookahead > info_.num_lookahead)
    return Broken(index, "no such look-ahead token");
  if (row.lookahead == 0 && (row.token < 0 || row.token >= config_.vocab_size)) {
    return Broken(index, "token outside the embedding table");
  }
  if (row.output != RowOutput::kNothing && row.sampling == nullptr)
    return Broken(index, "no sampling options");
  if (row.output == RowOutput::kShortlist && row.lookahead == 0)
    return Broken(index, "a shortlist of an ordinary row");
  return absl::OkStatus();
}

absl::Status Transformer::Check(std::span<const Row> rows) const {
  if (rows.empty()) return absl::InternalError("a forward without rows");
  if (std::ssize(rows) > info_.max_batch_rows) {
    return absl::InternalError(
        absl::StrCat("a forward of ", rows.size(), " rows; at most ", info_.max_batch_rows));
  }
  for (int i = 0; i < static_cast<int>(rows.size()); ++i) PASS_RETURN_IF_ERROR(CheckRow(rows, i));
  return absl::OkStatus();
}

Transformer::Buffers Transformer::BuffersFor(int64_t rows) {
  const auto first = [rows](const at::Tensor& buffer) { return buffer.narrow(0, 0, rows); };
  return {first(buffers_.residual), first(buffers_.normed), first(buffers_.query), first(buffers_.attended),
          first(buffers_.activated)};
}

std::unique_ptr<ForwardPlan> Transformer::PlanFor(std::span<const Row> rows, bool all) const {
  std::vector<StepRow> step_rows;
  step_rows.reserve(rows.size());
  for (const Row& row : rows) {
    const KvCache::Entry* entry = cache_.Find(row.sequence);
    step_rows.push_back({.token = row.token,
                         .lookahead = row.lookahead,
                         .wanted = all || row.output != RowOutput::kNothing,
                         .attention = {row.position, row.parent, entry->committed, entry->pages.data()},
                         .room = static_cast<int32_t>(std::ssize(entry->pages)) * kPageTokens});
  }
  return backend_->Plan(step_rows);
}

void Transformer::NormQueriesAndKeys(const LayerWeights& weights, at::Tensor& qkv) const {
  const int64_t q_width = int64_t{shape_.heads} * shape_.head_dim;
  const int64_t kv_width = int64_t{shape_.kv_heads} * shape_.head_dim;
  backend_->NormSegments(qkv, 0, q_width / weights.q_norm.size(0), weights.q_norm, config_.rms_epsilon);
  backend_->NormSegments(qkv, q_width, kv_width / weights.k_norm.size(0), weights.k_norm,
                         config_.rms_epsilon);
}

Transformer::HiddenRows Transformer::Hidden(const ForwardPlan& plan) {
  const Backend& on = *backend_;
  Buffers b = BuffersFor(plan.positions.size(0));
  on.Embed(plan, weights_.embedding, config_.embedding_multiplier, lookahead_.embeddings, b.residual);

  const double multiplier = config_.residual_multiplier;
  at::Tensor delta;  // what the last block adds to the residual stream
  const auto post_norm = [&](const at::Tensor& weight) {
    if (weight.defined()) on.NormSegments(delta, 0, 1, weight, config_.rms_epsilon);
  };
  for (int layer = 0; layer < config_.num_layers; ++layer) {
    const LayerWeights& w = weights_.layers[layer];
    KvLayer& kv = cache_.layer(layer);
    on.AddRmsNorm(b.residual, delta, w.attention_norm, config_.rms_epsilon, b.normed, multiplier);
    if (w.q_norm.defined()) {
      at::Tensor qkv = w.qkv->Multiply(b.normed, plan.adapted);
      NormQueriesAndKeys(w, qkv);
      on.RopeSplit(qkv, ropes_[layer], plan, shape_, b.query, kv);
    } else {
      on.ProjectHeads(*w.qkv, b.normed, ropes_[layer], plan, shape_, b.query, kv);
    }
    on.Attention(plan, shape_, config_.layer(layer).window, b.query, kv, b.attended);
    delta = w.attention_out->Multiply(b.attended, plan.adapted);
    post_norm(w.attention_post_norm);
    on.AddRmsNorm(b.residual, delta, w.ffn_norm, config_.rms_epsilon, b.normed, multiplier);
    w.gate_up->MultiplyGated(b.normed, plan.adapted, config_.activation, b.activated);
    delta = w.down->Multiply(b.activated, plan.adapted);
    post_norm(w.ffn_post_norm);
  }
  return {b.residual, delta};
}

StepOutputs Transformer::StepOn(const ForwardPlan& plan) {
  const HiddenRows hidden = Hidden(plan);
  if (plan.wanted.numel() == 0) return {};
  const bool all = plan.wanted.numel() == hidden.residual.size(0);
  const auto wanted = [&](const at::Tensor& rows) { return all ? rows : rows.index_select(0, plan.wanted); };
  at::Tensor residual = wanted(hidden.residual);
  StepOutputs outputs;
  outputs.states = at::empty({residual.size(0), config_.width}, backend_->options());
  backend_->AddRmsNorm(residual, wanted(hidden.delta), weights_.final_norm, config_.rms_epsilon,
                       outputs.states, config_.residual_multiplier);
  outputs.logits = weights_.lm_head->Multiply(outputs.states);
  outputs.best = backend_->BestKeys(outputs.logits, info_.shortlist_size, config_.logits_softcap);
  return outputs;
}

absl::StatusOr<StepOutputs> Transformer::Step(std::span<const Row> rows, bool all) {
  PASS_RETURN_IF_ERROR(Check(rows));
  const TeamScope scope(&team_);
  KeepTorchOnThisThread();
  last_rows_.assign(rows.begin(), rows.end());
  const std::unique_ptr<ForwardPlan> plan = PlanFor(rows, all);
  return backend_->Run(*plan, [this](const ForwardPlan& part) { return StepOn(part); });
}

Transformer::ReadRow Transformer::Read(const Row& row, const at::Tensor& logits, int64_t index) const {
  std::vector<float> row_logits(static_cast<size_t>(config_.vocab_size));
  WidenRow(logits, index, row_logits);
  CapLogits(config_.logits_softcap, row_logits);
  if (row.output != RowOutput::kShortlist) return {.result = ReadOut(row_logits, row), .shortlist = {}};
  ReadRow read;
  absl::StatusOr<Shortlist> best = BestTokens(row_logits, info_.shortlist_size);
  read.result.status = best.status();
  if (best.ok()) read.shortlist = *std::move(best);
  return read;
}

Transformer::ReadRow Transformer::ReadBest(const Row& row, const at::Tensor& best, int64_t index) const {
  const auto width = static_cast<size_t>(best.size(1));
  absl::StatusOr<Shortlist> tokens = BestOfKeys(
      std::span(best.data_ptr<int64_t>(), static_cast<size_t>(best.numel())).subspan(index * width, width));
  ReadRow read;
  read.result.status = tokens.status();
  if (!tokens.ok()) return read;
  if (row.output == RowOutput::kShortlist) {
    read.shortlist = *std::move(tokens);
  } else {
    read.result = ReadOut(tokens->ids, tokens->scores, row);
  }
  return read;
}

// One download of the rows' best tokens where the device finds them, and one of the logits of the rows that need all.
std::vector<Transformer::ReadRow> Transformer::ReadAll(std::span<const Row> rows,
                                                       std::span<const int64_t> wanted,
                                                       const StepOutputs& outputs) {
  const auto count = static_cast<int64_t>(wanted.size());
  std::vector<int64_t> whole;                                    // rows of outputs.logits
  std::vector<int64_t> place(wanted.size(), kDecidedByTheBest);  // of each among these
  for (int64_t i = 0; i < count; ++i) {
    if (outputs.best.defined() && BestTokensSuffice(rows[wanted[i]], info_.shortlist_size)) continue;
    place[i] = std::ssize(whole);
    whole.push_back(i);
  }
  const bool all = std::ssize(whole) == count;
  const at::Tensor best = all ? at::Tensor() : outputs.best.to(at::kCPU);
  at::Tensor logits;
  if (!whole.empty()) {
    logits = (all ? outputs.logits : RowsOf(outputs.logits, std::span<const int64_t>(whole))).to(at::kCPU);
  }
  const TeamScope scope(&team_);
  std::vector<ReadRow> read(wanted.size());
  ParallelFor(0, count, /*grain=*/1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Row& row = rows[wanted[i]];
      read[i] = place[i] == kDecidedByTheBest ? ReadBest(row, best, i) : Read(row, logits, place[i]);
    }
  });
  return read;
}

absl::StatusOr<std::vector<RowResult>> Transformer::Forward(std::span<const Row> rows) try {
  const c10::InferenceMode guard;  // for the drafts' states too
  std::vector<int64_t> wanted;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].output != RowOutput::kNothing) wanted.push_back(static_cast<int64_t>(i));
  }
  PASS_ASSIGN_OR_RETURN(const StepOutputs outputs, Step(rows, /*all=*/false));
  std::vector<RowResult> results(rows.size());
  if (wanted.empty()) return results;
  std::vector<ReadRow> read = ReadAll(rows, wanted, outputs);
  at::Tensor states;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const Row& row = rows[wanted[i]];
    RowResult& result = results[wanted[i]] = std::move(read[i].result);
    if (row.output != RowOutput::kShortlist || !result.status.ok()) continue;
    if (!states.defined()) states = drafter_.StatesFor(outputs.states);
    result.drafts =
        drafter_.Keep(row.sequence, std::move(read[i].shortlist), states, static_cast<int64_t>(i));
  }
  return results;
} catch (const std::exception& error) {
  return ModelError("forward failed", error);
}

absl::StatusOr<at::Tensor> Transformer::ForwardLogits(std::span<const Row> rows) try {
  const c10::InferenceMode guard;
  PASS_ASSIGN_OR_RETURN(const StepOutputs outputs, Step(rows, /*all=*/true));
  at::Tensor logits = outputs.logits.to(at::kFloat).to(at::kCPU);
  CapLogits(config_.logits_softcap, {logits.data_ptr<float>(), static_cast<size_t>(logits.numel())});
  return logits;
} catch (const std::exception& error) {
  return ModelError("forward failed", error);
}

absl::StatusOr<std::vector<Proposal>> Transformer::Propose(std::span<const ProposalRequest> requests) try {
  const c10::InferenceMode guard;
  const TeamScope scope(&team_);
  KeepTorchOnThisThread();
  return drafter_.Propose(requests);
} catch (const std::exception& error) {
  return ModelError("proposals failed", error);
}

void Transformer::Close(SequenceId id) {
  cache_.Close(id);
  drafter_.Close(id);
}

absl::Status Transformer::Commit(SequenceId id, std::span<const int> rows) try {
  const KvCache::Entry* entry = cache_.Find(id);
  if (entry == nullptr) return absl::InternalError("commit to a sequence that is not open");
  int parent = kCommittedPrefix;
  int32_t position = entry->committed;
  for (int index : rows) {
    if (index < 0 || index >= static_cast<int>(last_rows_.size()))
      return absl::InternalError("commit of an unknown row");
    const Row& row = last_rows_[index];
    if (row.sequence != id || row.parent != parent || row.position != position || row.lookahead != 0) {
      return Broken(index, "cannot be committed: not the next ordinary row of its sequence");
    }
    parent = index;
    ++position;
  }
  const c10::InferenceMode guard;
  PASS_RETURN_IF_ERROR(cache_.Commit(id, rows));
  std::vector<TokenId> tokens;
  for (int index : rows) tokens.push_back(last_rows_[index].token);
  drafter_.Append(id, tokens);
  return absl::OkStatus();
} catch (const std::exception& error) {
  return ModelError("commit failed", error);
}

}  // namespace pass
