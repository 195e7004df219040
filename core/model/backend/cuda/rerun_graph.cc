#include "core/model/backend/cuda/rerun_graph.h"

#include <utility>

namespace pass {
namespace {

class RerunGraph final : public Graph {
 public:
  explicit RerunGraph(std::function<void()> work) : work_(std::move(work)) {}
  void Replay() override { work_(); }

 private:
  std::function<void()> work_;
};

}  // namespace

std::unique_ptr<Graph> RerunRecorder::Record(std::function<void()> work) {
  return std::make_unique<RerunGraph>(std::move(work));
}

}  // namespace pass
