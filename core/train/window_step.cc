#include "core/train/window_step.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <random>
#include <set>
#include <utility>

#include "core/train/divergence.h"

namespace pass {
namespace {

// States that a loss is taken of, with where each is measured.
struct Predictions {
  std::vector<at::Tensor> states;  // [n_i, d] each
  std::vector<DivergenceTask> tasks;
  std::vector<int> ahead;       // k of each task
  std::vector<bool> recurrent;  // else from the row itself
};

at::Tensor Ids(const std::vector<int64_t>& ids, const at::Tensor& like) {
  return at::tensor(ids).to(like.device());
}

// The head on every row, then its recurrent steps behind [LA]_1 and [LA]_2 as far as the window reaches.
Predictions RunHead(const FrozenModel& model, std::span<const TokenId> window, std::span<const GroupRow> rows,
                    const at::Tensor& hidden, const LookaheadParameters& leaves, const LossOptions& options,
                    double scale) {
  Predictions predictions;
  std::vector<int64_t> alive(rows.size());
  for (size_t i = 0; i < alive.size(); ++i) alive[i] = static_cast<int64_t>(i);
  at::Tensor states = hidden;
  for (int step = 0; step <= options.recurrent_steps; ++step) {
    std::vector<int64_t> kept, still_alive, previous;
    for (size_t i = 0; i < alive.size(); ++i) {
      const GroupRow& row = rows[alive[i]];
      const bool wanted = step == 0 || row.k + step <= options.recurrent_steps + 1;
      if (!wanted || (step > 0 && row.k > 2)) continue;
      const int32_t position = row.position() + step;
      if (position >= static_cast<int32_t>(window.size())) continue;
      kept.push_back(static_cast<int64_t>(i));
      still_alive.push_back(alive[i]);
      previous.push_back(window[position]);
      const int ahead = row.k + step;
      const double chain = step > 0 && row.k == 2 ? options.second_chain_weight : 1.0;
      predictions.tasks.push_back(
          {position, static_cast<float>(scale * chain * std::pow(options.decay, ahead - 1))});
      predictions.ahead.push_back(ahead);
      predictions.recurrent.push_back(step > 0);
    }
    if (kept.empty()) break;
    states = model.HeadStep(step == 0 ? states : states.index_select(0, Ids(kept, states)),
                            Ids(previous, states), leaves);
    predictions.states.push_back(states);
    alive = std::move(still_alive);
  }
  return predictions;
}

// Tokens that are scored: their rows of lm_head, and the teacher's logits of them.
struct Vocabulary {
  Vocabulary(at::Tensor rows, at::Tensor logits)
      : weight(std::move(rows)), teacher(std::move(logits)), summaries(Summarise(teacher)) {}

  at::Tensor weight;   // [n, d]
  at::Tensor teacher;  // [T, n]
  std::vector<RowSummary> summaries;

  Vocabulary Tempered(double temperature) const {
    return {weight * (1 / temperature), teacher * (1 / temperature)};
  }
};

std::vector<int64_t> ScoredTokens(const Vocabulary& all, const LossOptions& options, uint64_t seed) {
  const std::vector<int64_t> likely = LikelyTokens(all.teacher, all.summaries, options.least_likely);
  std::set<int64_t> ids(likely.begin(), likely.end());
  std::mt19937_64 random(seed);
  for (int i = 0; i < options.random_tokens; ++i)
    ids.insert(static_cast<int64_t>(random() % all.teacher.size(1)));
  return {ids.begin(), ids.end()};
}

struct Losses {
  std::vector<at::Tensor> outputs, gradients;  // of autograd
  double sum = 0;

  std::vector<RowDivergence> Add(const at::Tensor& states, const Vocabulary& tokens,
                                 std::span<const DivergenceTask> tasks, double overlap_share) {
    outputs.push_back(at::linear(states, tokens.weight));
    gradients.push_back(outputs.back().detach());
    std::vector<RowDivergence> divergences =
        DivergeInPlace(gradients.back(), tokens.teacher, tokens.summaries, tasks, overlap_share);
    for (size_t i = 0; i < tasks.size(); ++i) sum += tasks[i].weight * divergences[i].loss;
    return divergences;
  }
};

}  // namespace

void PredictionSums::Add(int k, const RowDivergence& divergence) {
  if (static_cast<int>(count.size()) < k) {
    for (auto* sums : {&count, &kl, &top1, &overlap}) sums->resize(k, 0.0);
  }
  count[k - 1] += 1;
  kl[k - 1] += divergence.kl;
  top1[k - 1] += divergence.top1 ? 1 : 0;
  overlap[k - 1] += divergence.overlap;
}

void PredictionSums::Add(const PredictionSums& other) {
  if (count.size() < other.count.size()) {
    for (auto* sums : {&count, &kl, &top1, &overlap}) sums->resize(other.count.size(), 0.0);
  }
  for (size_t i = 0; i < other.count.size(); ++i) {
    count[i] += other.count[i];
    kl[i] += other.kl[i];
    top1[i] += other.top1[i];
    overlap[i] += other.overlap[i];
  }
}

void PredictionSums::Scale(double factor) {
  for (auto* sums : {&count, &kl, &top1, &overlap}) {
    for (double& sum : *sums) sum *= factor;
  }
}

WindowResult ComputeWindow(const FrozenModel& model, std::span<const TokenId> window,
                           std::span<const GroupRow> rows, const LookaheadParameters& leaves,
                           const LossOptions& options, uint64_t seed) {
  const Teacher teacher = model.Teach(window);
  const Vocabulary all(model.tensors().lm_head, teacher.logits);
  double anchors = 0;
  for (const GroupRow& row : rows) anchors += row.k == 1 ? 1 : 0;
  WindowResult result;

  const at::Tensor scored = Ids(ScoredTokens(all, options, seed), teacher.logits);
  const Vocabulary some{model.tensors().lm_head.index_select(0, scored),
                        teacher.logits.index_select(1, scored)};
  Losses losses;

  const at::Tensor hidden = model.LookaheadRows(teacher, rows, leaves);
  const double row_weight = (leaves.has_head() ? options.row_weight : 1.0) / anchors;
  std::vector<DivergenceTask> tasks;
  for (const GroupRow& row : rows) {
    tasks.push_back({row.position(), static_cast<float>(row_weight * std::pow(options.decay, row.k - 1))});
  }
  const bool whole = seed % static_cast<uint64_t>(options.vocabulary_every) == 0;
  const std::vector<RowDivergence> of_rows =
      losses.Add(hidden, whole ? all : some, tasks, /*overlap_share=*/0);
  for (size_t i = 0; i < rows.size(); ++i) result.rows.Add(rows[i].k, of_rows[i]);

  if (leaves.has_head()) {
    const Predictions predictions = RunHead(model, window, rows, hidden, leaves, options, 1.0 / anchors);
    const std::vector<RowDivergence> of_head =
        losses.Add(at::cat(predictions.states),
                   options.overlap_share > 0 ? some.Tempered(options.overlap_temperature) : some,
                   predictions.tasks, options.overlap_share);
    for (size_t i = 0; i < of_head.size(); ++i) {
      (predictions.recurrent[i] ? result.recurrent : result.head).Add(predictions.ahead[i], of_head[i]);
    }
  }
  result.loss = losses.sum;

  std::vector<at::Tensor> inputs;
  for (const auto& [name, leaf] : leaves.Named()) inputs.push_back(leaf);
  result.gradients =
      torch::autograd::grad(losses.outputs, inputs, losses.gradients, /*retain_graph=*/std::nullopt,
                            /*create_graph=*/false, /*allow_unused=*/true);
  return result;
}

}  // namespace pass
