// What a fault of the device, of its memory or of an operator becomes.
#include "core/model/model_error.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <new>
#include <string>

#include "core/model/backend/cuda/cuda_backend.h"
#include "tests/core/model/random_model.h"

namespace pass {
namespace {

c10::AcceleratorError IllegalAccess() {
  return {
      {__func__, __FILE__, __LINE__}, 700, "CUDA error: an illegal memory access was encountered\nadvice"};
}

absl::Status StatusOf(const std::function<void()>& throws) {
  try {
    throws();
  } catch (const std::exception& error) {
    return ModelError("forward failed", error);
  }
  return absl::OkStatus();
}

TEST(ModelErrors, SayWhetherTheDeviceIsLostOrItsMemoryIsFull) {
  EXPECT_TRUE(absl::IsUnavailable(StatusOf([] { throw IllegalAccess(); })));
  EXPECT_TRUE(absl::IsUnavailable(
      StatusOf([] { TORCH_CHECK(false, "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED"); })));
  EXPECT_TRUE(absl::IsResourceExhausted(
      StatusOf([] { TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory."); })));
  EXPECT_TRUE(absl::IsResourceExhausted(StatusOf([] { throw std::bad_alloc(); })));
  EXPECT_TRUE(absl::IsInternal(StatusOf([] { TORCH_CHECK(false, "shapes differ"); })));
}

TEST(ModelErrors, AreOneLine) {
  EXPECT_EQ(StatusOf([] { throw IllegalAccess(); }).message(),
            "forward failed: CUDA error: an illegal memory access was encountered");
}

class FaultyGraph final : public Graph {
 public:
  void Replay() override { throw IllegalAccess(); }
};

class FaultyRecorder final : public GraphRecorder {
 public:
  std::unique_ptr<Graph> Record(std::function<void()> /*work*/) override {
    return std::make_unique<FaultyGraph>();
  }
};

TEST(ModelErrors, OfAReplayReachTheCallerOfForward) {
  const auto options = at::TensorOptions().dtype(at::kFloat).device(at::kCPU);
  const auto model = testing::MakeRandomModel(
      testing::TinyConfig(), std::make_unique<CudaBackend>(options, std::make_unique<FaultyRecorder>()));
  const SequenceId id = *model->Open(8);
  const SamplingOptions greedy{.temperature = 0};
  const Row row{.sequence = id, .token = 3, .sampling = &greedy, .output = RowOutput::kToken};
  EXPECT_TRUE(model->Forward(std::span(&row, 1)).ok());
  const absl::Status replayed = model->Forward(std::span(&row, 1)).status();
  EXPECT_TRUE(absl::IsUnavailable(replayed)) << replayed;
}

}  // namespace
}  // namespace pass
