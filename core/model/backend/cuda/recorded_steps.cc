#include "core/model/backend/cuda/recorded_steps.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <c10/util/Exception.h>

#include "core/model/backend/to_tensor.h"

namespace pass {
namespace {

// Of these rows, in tensors that no later replay writes to.
StepOutputs Select(const StepOutputs& outputs, const at::Tensor& rows) {
  if (rows.numel() == 0) return {};
  return {.states = outputs.states.index_select(0, rows),
          .logits = outputs.logits.index_select(0, rows),
          .best = outputs.best.index_select(0, rows)};
}

}  // namespace

StepOutputs RecordedSteps::Run(const SlicedPlan::Slice& slice, const at::Tensor& line,
                               const Backend::Step& step) {
  if (recorder_ == nullptr || slice.shape.positions > kMostPositions) {
    const at::Tensor uploaded = Upload(line, device_);
    return Select(step(SlicePlan(uploaded, slice.shape)), WantedRows(uploaded, slice.wanted));
  }
  Recording& recording = recordings_[slice.shape];
  if (!recording.line.defined()) recording.line = at::empty(line.sizes(), line.options().device(device_));
  recording.line.copy_(Pinned(line, device_), /*non_blocking=*/true);
  return Select(RunOrReplay(slice.shape, recording, step), WantedRows(recording.line, slice.wanted));
}

StepOutputs RecordedSteps::RunOrReplay(const SliceShape& shape, Recording& recording,
                                       const Backend::Step& step) {
  if (recording.graph != nullptr) {
    recording.graph->Replay();
    return recording.outputs;
  }
  StepOutputs outputs = step(SlicePlan(recording.line, shape));
  if (recording.cannot) return outputs;
  try {
    // The plan is made inside, for some of its tensors are computed from the line.
    recording.graph = recorder_->Record(
        [&recording, shape, step] { recording.outputs = step(SlicePlan(recording.line, shape)); });
  } catch (const std::exception&) {
    recording.cannot = true;  // for want of memory, say: the slice runs as it is called
  }
  return outputs;
}

}  // namespace pass
