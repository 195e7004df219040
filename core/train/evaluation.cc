#include "core/train/evaluation.h"

#include <ATen/Parallel.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include "core/base/status_macros.h"
#include "core/checkpoint/checkpoint.h"
#include "core/corpus/looping.h"
#include "core/corpus/prompt_file.h"
#include "core/model/load.h"
#include "core/train/continuations.h"

namespace pass {
namespace {

constexpr int kChainDepth = 8;
constexpr int kSequencesAtATime = 16;
constexpr size_t kLeastToJudge = 8;  // tokens: fewer say nothing of loops

// What one text adds; sums over its anchors.
struct TextQuality {
  int64_t anchors = 0;
  std::vector<DraftQuality::Depth> depths = std::vector<DraftQuality::Depth>(kChainDepth);
  std::vector<int64_t> reached = std::vector<int64_t>(kChainDepth);
  double chain = 0;
  std::vector<BestTree> trees;
};

// Along the text's own tokens: ranks at each depth, and how far the first choices alone would have been right.
void WalkChain(const DraftWalk& walk, int rows, TextQuality& quality) {
  const std::vector<TokenId>& tokens = walk.text().tokens;
  const int depths = walk.has_head() ? kChainDepth : rows;
  std::vector<bool> right(walk.num_anchors(), true);
  std::vector<int> alive(walk.num_anchors());
  for (int a = 0; a < walk.num_anchors(); ++a) alive[a] = a;
  at::Tensor states;
  for (int depth = 1; depth <= depths; ++depth) {
    std::vector<DraftRequest> requests;
    std::vector<int64_t> kept;
    for (size_t i = 0; i < alive.size(); ++i) {
      const int32_t position = walk.first_anchor() + alive[i] + 1 + depth;
      if (position >= static_cast<int32_t>(tokens.size())) continue;
      requests.push_back({alive[i], depth, tokens[position - 1], /*recurrent=*/depth > rows});
      kept.push_back(static_cast<int64_t>(i));
    }
    if (requests.empty()) break;
    if (states.defined()) states = states.index_select(0, at::tensor(kept));
    const DraftReplies replies = walk.Propose(requests, states);
    states = replies.states;
    alive.clear();
    for (size_t i = 0; i < requests.size(); ++i) {
      const int a = requests[i].anchor;
      const std::vector<TokenId>& ids = replies.lists[i].ids;
      const TokenId own = tokens[walk.first_anchor() + a + 1 + depth];
      const auto rank = std::ranges::find(ids, own) - ids.begin();
      DraftQuality::Depth& sums = quality.depths[depth - 1];
      sums.top1 += rank < 1 && !ids.empty();
      sums.top4 += rank < std::min<int64_t>(4, std::ssize(ids));
      sums.top10 += rank < std::min<int64_t>(10, std::ssize(ids));
      sums.overlap += replies.lists[i].overlap;
      ++quality.reached[depth - 1];
      right[a] = right[a] && rank == 0 && !ids.empty();
      quality.chain += right[a] ? 1 : 0;
      alive.push_back(a);
    }
  }
}

DraftQuality Mean(const std::vector<const TextQuality*>& texts, int rows, int max_nodes,
                  const RowCosts& costs) {
  DraftQuality mean;
  std::vector<int64_t> reached(kChainDepth);
  mean.depths.resize(kChainDepth);
  std::vector<std::vector<BestTree>> trees;
  for (const TextQuality* text : texts) {
    mean.anchors += text->anchors;
    mean.chain += text->chain;
    for (int d = 0; d < kChainDepth; ++d) {
      reached[d] += text->reached[d];
      mean.depths[d].top1 += text->depths[d].top1;
      mean.depths[d].top4 += text->depths[d].top4;
      mean.depths[d].top10 += text->depths[d].top10;
      mean.depths[d].overlap += text->depths[d].overlap;
    }
    for (int nodes : kTreeSizes) {
      if (nodes > max_nodes) break;
      for (const BestTree& tree : text->trees) mean.trees[nodes] += tree.Accepted(nodes);
    }
    trees.push_back(text->trees);
  }
  for (int d = 0; d < kChainDepth; ++d) {
    const auto count = static_cast<double>(std::max<int64_t>(1, reached[d]));
    auto& depth = mean.depths[d];
    depth = {depth.top1 / count, depth.top4 / count, depth.top10 / count, depth.overlap / count};
  }
  while (!mean.depths.empty() && reached[mean.depths.size() - 1] == 0) mean.depths.pop_back();
  const auto anchors = static_cast<double>(std::max<int64_t>(1, mean.anchors));
  mean.chain /= anchors;
  for (auto& [nodes, accepted] : mean.trees) accepted /= anchors;
  mean.simulated = SimulateTrees(trees, rows, costs);
  return mean;
}

// One text a thread; each thread computes alone.
void ForEachText(size_t count, int threads, const std::function<void(size_t)>& work) {
  std::atomic<size_t> next = 0;
  const auto run = [&] {
    at::set_num_threads(1);
    for (size_t i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::thread> workers;
  const int cores = threads > 0 ? threads : static_cast<int>(std::thread::hardware_concurrency());
  for (int i = 0; i < std::max(1, cores); ++i) workers.emplace_back(run);
  for (std::thread& worker : workers) worker.join();
}

struct Loaded {
  std::unique_ptr<LanguageModel> server;
  TextModel text;
  std::unique_ptr<FrozenModel> model;
  LookaheadParameters parameters;
  std::vector<int32_t> frequent_tokens;
};

absl::StatusOr<Loaded> LoadAll(const EvalOptions& options) {
  Loaded loaded;
  PASS_ASSIGN_OR_RETURN(const std::unique_ptr<Checkpoint> checkpoint, OpenCheckpoint(options.model_path));
  PASS_ASSIGN_OR_RETURN(loaded.text, LoadTextModel(options.model_path));
  LoadOptions load;
  load.model_path = options.model_path;
  load.compute_type = options.fp32 ? ComputeType::kFp32 : ComputeType::kBf16;
  load.num_threads = options.threads;
  PASS_ASSIGN_OR_RETURN(LoadedModel server, LoadModel(load));
  loaded.server = std::move(server.model);
  const at::ScalarType type = TypeForTorch(options.fp32, at::kCPU);
  PASS_ASSIGN_OR_RETURN(ModelTensors tensors, LoadTensors(*checkpoint, type, at::kCPU, nullptr));
  PASS_ASSIGN_OR_RETURN(
      const LoadedLookahead file,
      ReadLookaheadFile(options.lookahead_path, checkpoint->config(), checkpoint->Fingerprint()));
  ParameterSizes sizes{
      .lookahead = static_cast<int>(file.tokens.facts.num_lookahead), .adapter_rank = 0, .head_hidden = 0};
  if (!file.tokens.adapter.empty()) sizes.adapter_rank = static_cast<int>(file.tokens.adapter[0].qkv.a.rows);
  if (file.tokens.head.has_value()) {
    sizes.head_hidden = static_cast<int>(file.tokens.head->w1.rows);
    loaded.frequent_tokens = file.tokens.head->frequent_tokens;
  }
  LookaheadParameters masters = InitialParameters(checkpoint->config(), sizes, tensors, /*seed=*/0);
  PASS_RETURN_IF_ERROR(TakeOver(file.tokens, checkpoint->config(), masters));
  loaded.parameters = masters.Leaves(type);
  loaded.model = std::make_unique<FrozenModel>(checkpoint->config(), std::move(tensors));
  return loaded;
}

absl::StatusOr<std::vector<OwnText>> Draw(const Loaded& loaded, const EvalOptions& options,
                                          const std::string& path, const SamplingOptions& sampling) {
  PASS_ASSIGN_OR_RETURN(std::vector<Prompt> prompts, ReadPromptFile(path));
  if (options.prompts > 0) prompts.resize(std::min<size_t>(prompts.size(), options.prompts));
  std::vector<OwnText> texts;
  std::vector<GenerationRequest> requests;
  for (const Prompt& prompt : prompts) {
    OwnText& text = texts.emplace_back();
    PASS_ASSIGN_OR_RETURN(text.tokens, EncodePrompt(prompt, loaded.text));
    text.prompt_tokens = static_cast<int32_t>(text.tokens.size());
    text.sampling = sampling;
    text.sampling.seed = options.seed + texts.size();
    GenerationRequest& request = requests.emplace_back();
    request.prompt = text.tokens;
    request.max_tokens = options.tokens;
    request.sampling = text.sampling;
  }
  PASS_ASSIGN_OR_RETURN(const auto continuations,
                        Continue(*loaded.server, *loaded.text.tokenizer, loaded.text.end_of_sequence_ids,
                                 std::move(requests), kSequencesAtATime));
  for (size_t i = 0; i < texts.size(); ++i) {
    texts[i].loops = continuations[i].size() >= kLeastToJudge && IsLooping(continuations[i]);
    texts[i].tokens.insert(texts[i].tokens.end(), continuations[i].begin(), continuations[i].end());
  }
  return texts;
}

}  // namespace

absl::StatusOr<std::vector<EvalResult>> Evaluate(const EvalOptions& options) try {
  PASS_ASSIGN_OR_RETURN(const Loaded loaded, LoadAll(options));
  const auto lookahead = static_cast<int>(loaded.parameters.embeddings.size(0));
  std::vector<int> row_counts;
  if (loaded.parameters.has_head()) row_counts = options.rows;
  std::erase_if(row_counts, [&](int rows) { return rows < 1 || rows >= lookahead; });
  row_counts.push_back(lookahead);
  const std::pair<const char*, SamplingOptions> samplings[] = {
      {"greedy", {.temperature = 0}}, {"t0.8-k10", {.temperature = 0.8, .top_k = 10}}};
  std::vector<EvalResult> results;
  for (const auto& [domain, path] : options.prompt_files) {
    for (const auto& [name, sampling] : samplings) {
      PASS_ASSIGN_OR_RETURN(const std::vector<OwnText> texts, Draw(loaded, options, path, sampling));
      std::vector<std::vector<TextQuality>> qualities(row_counts.size(),
                                                      std::vector<TextQuality>(texts.size()));
      ForEachText(texts.size(), options.threads, [&](size_t i) {
        const DraftWalk walk(*loaded.model, loaded.parameters, loaded.frequent_tokens, texts[i], lookahead);
        if (walk.num_anchors() == 0) return;
        for (size_t r = 0; r < row_counts.size(); ++r) {
          TextQuality& quality = qualities[r][i];
          quality.anchors = walk.num_anchors();
          WalkChain(walk, row_counts[r], quality);
          quality.trees = BestTrees(walk, row_counts[r], options.max_nodes);
        }
      });
      for (size_t r = 0; r < row_counts.size(); ++r) {
        std::vector<const TextQuality*> all, steady;
        for (size_t i = 0; i < texts.size(); ++i) {
          all.push_back(&qualities[r][i]);
          if (!texts[i].loops) steady.push_back(&qualities[r][i]);
        }
        results.push_back({domain, name, row_counts[r], static_cast<int>(all.size()),
                           static_cast<int>(all.size() - steady.size()),
                           Mean(all, row_counts[r], options.max_nodes, options.costs),
                           Mean(steady, row_counts[r], options.max_nodes, options.costs)});
      }
    }
  }
  return results;
} catch (const std::exception& error) {
  return absl::InternalError(std::string("evaluation failed: ") + error.what());
}

}  // namespace pass
