// What resuming needs, on disk: a safetensors file of the optimizer's state with a hash of its contents. The last two are
// kept (PATH and PATH.old), so that one that was damaged does not end a run. Files appear whole or not at all.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace pass {

struct TrainCheckpoint {
  int64_t steps = 0;
  double seconds = 0;       // trained so far
  std::string description;  // of model and options; must be the same to resume
};

absl::Status WriteTrainCheckpoint(const std::string& path, const TrainCheckpoint& checkpoint,
                                  const std::vector<std::pair<std::string, at::Tensor>>& state);

// Overwrites the tensors of `state` in place. A damaged PATH is reported in `warning` and PATH.old is read.
// NOT_FOUND: neither is there. DATA_LOSS: neither is whole. FAILED_PRECONDITION: of another model or other options.
absl::StatusOr<TrainCheckpoint> ReadTrainCheckpoint(
    const std::string& path, const std::string& description,
    const std::vector<std::pair<std::string, at::Tensor>>& state, std::string* warning);

}  // namespace pass
