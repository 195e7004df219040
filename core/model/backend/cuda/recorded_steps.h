// Runs slices of a forward: the first of a shape as it is called, every other one from a recording of it.
// Owner: the backend. Thread: the engine's.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>

#include "core/model/backend/backend.h"
#include "core/model/backend/cuda/graph.h"
#include "core/model/backend/cuda/slices.h"

namespace pass {

class RecordedSteps {
 public:
  // Slices with longer tables run as they are called: they are rare, and a recording holds operators for each block of each
  // layer.
  static constexpr int64_t kMostPositions = 4096;

  // Without a recorder every slice runs as it is called.
  RecordedSteps(std::unique_ptr<GraphRecorder> recorder, at::Device device)
      : recorder_(std::move(recorder)), device_(device) {}

  // `line`: the slice's, on the host. The outputs of its wanted rows.
  StepOutputs Run(const SlicedPlan::Slice& slice, const at::Tensor& line, const Backend::Step& step);

 private:
  // What a recording reads and leaves.
  struct Recording {
    at::Tensor line;
    StepOutputs outputs;
    std::unique_ptr<Graph> graph;
    bool cannot = false;  // it was tried in vain
  };

  StepOutputs RunOrReplay(const SliceShape& shape, Recording& recording, const Backend::Step& step);

  std::unique_ptr<GraphRecorder> recorder_;
  at::Device device_;
  std::map<SliceShape, Recording> recordings_;  // whose elements stay where they are
};

}  // namespace pass
