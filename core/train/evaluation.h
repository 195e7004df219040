// How good drafts are on the model's own continuations of prompts that were not trained on. Looping continuations are
// counted apart, since they flatter every figure.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/train/decode_simulation.h"
#include "core/train/draft_walk.h"

namespace pass {

struct EvalOptions {
  std::string model_path;
  std::string lookahead_path;
  std::vector<std::pair<std::string, std::string>> prompt_files;  // domain, path
  int prompts = 24;                                               // of each file, the first ones; 0: all
  int tokens = 128;                                               // of a continuation
  int max_nodes = 64;                                             // of the largest tree
  std::vector<int> rows = {1, 2};  // look-ahead rows behind an anchor, besides L
  uint64_t seed = 0;
  int threads = 0;
  bool fp32 = false;
  RowCosts costs{{{1, 6.65},
                  {2, 6.85},
                  {4, 7.30},
                  {6, 8.01},
                  {8, 9.47},
                  {12, 10.9},
                  {16, 12.9},
                  {24, 17.5},
                  {32, 21.4}}};
};

inline constexpr std::array<int, 5> kTreeSizes = {4, 8, 16, 32, 64};

// Means over anchors.
struct DraftQuality {
  int64_t anchors = 0;
  struct Depth {
    double top1 = 0, top4 = 0,
           top10 = 0;    // the true next token is among the likeliest, given the true tokens before
    double overlap = 0;  // sum of min(p, q)
  };
  std::vector<Depth> depths;    // [j - 1]: LA_j and, beyond `rows`, recurrent steps
  double chain = 0;             // accepted tokens of a chain as deep as `depths`
  std::map<int, double> trees;  // nodes -> accepted tokens of the best tree
  SimulatedSpeedup simulated;
};

struct EvalResult {
  std::string domain, sampling;  // "greedy", "t0.8-k10"
  int rows = 0;                  // look-ahead rows behind an anchor
  int texts = 0, looping = 0;
  DraftQuality all, without_loops;
};

absl::StatusOr<std::vector<EvalResult>> Evaluate(const EvalOptions& options);

}  // namespace pass
