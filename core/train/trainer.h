// The training loop: draws samples when they run out, computes windows side by side (one thread each), steps the optimizer,
// writes the look-ahead file and a checkpoint every few minutes and at the end.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/train/group_plan.h"
#include "core/train/lookahead_parameters.h"
#include "core/train/optimizer.h"
#include "core/train/sample_drawer.h"
#include "core/train/window_step.h"

namespace pass {

struct TrainOptions {
  std::string model_path;
  std::string out_path;      // the look-ahead file; checkpoints beside it, in OUT.checkpoint
  std::string samples_path;  // empty: OUT.samples
  std::string init_path;     // a look-ahead file to start from
  std::vector<std::string> corpus_paths;
  bool resume = false;
  ParameterSizes sizes;
  int64_t steps = 0;   // 0: as many as `minutes` allow
  double minutes = 0;  // 0: until `steps`
  uint64_t seed = 0;
  std::string device = "cpu";  // that samples are drawn and windows computed on, as LoadOptions::device
  int threads = 0;             // 0: one per core
  int windows_per_step = 2;
  int uses_per_sample = 1;  // with other anchors each time
  double checkpoint_minutes = 5;
  bool fp32 = false;
  GroupPlanOptions groups;
  LossOptions loss;
  LearningRates rates;
  SampleOptions samples;

  // INVALID_ARGUMENT names the flag and its range.
  absl::Status Validate() const;
};

// What a run reports; called on its own thread.
struct TrainProgress {
  int64_t step = 0;
  double fraction = 0;  // of the run, in [0, 1]
  double seconds = 0;   // trained so far, earlier runs included
  double seconds_left = 0;
  double steps_per_second = 0;
  double loss = 0;  // smoothed over the last minute or so, as are the following
  PredictionSums rows, head, recurrent;
  int64_t samples = 0;   // windows drawn so far
  bool drawing = false;  // samples are being drawn
};

class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  virtual void OnProgress(const TrainProgress& progress) = 0;
  virtual void OnNote(const std::string& line) = 0;  // warnings and files written
};

// Runs until the end, an error, or `interrupted` becomes true. That is looked at between steps and while samples are drawn. It is
// CANCELLED after a last checkpoint, or without one before the first step. On any error the files of the last checkpoint are
// intact.
absl::Status Train(const TrainOptions& options, const std::atomic<bool>& interrupted,
                   TrainObserver& observer);

}  // namespace pass
