// Capture and replay where there is no device: the function is kept, and called again. For tests of what is built on graphs.
#pragma once

#include <functional>
#include <memory>

#include "core/model/backend/cuda/graph.h"

namespace pass {

class RerunRecorder final : public GraphRecorder {
 public:
  std::unique_ptr<Graph> Record(std::function<void()> work) override;
};

}  // namespace pass
