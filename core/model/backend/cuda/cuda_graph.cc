#include "core/model/backend/cuda/cuda_graph.h"

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <functional>

namespace pass {
namespace {

class CudaGraph final : public Graph {
 public:
  // Records on a stream of its own: the default one cannot. All graphs of a recorder share `pool`, for they never run at the
  // same time, and what one leaves is read before the next runs.
  CudaGraph(c10::cuda::CUDAStream stream, at::cuda::MempoolId_t pool, const std::function<void()>& work) {
    c10::cuda::getCurrentCUDAStream(stream.device_index()).synchronize();
    const c10::cuda::CUDAStreamGuard guard(stream);
    // Other threads of the process may allocate meanwhile.
    graph_.capture_begin(pool, cudaStreamCaptureModeThreadLocal);
    try {
      work();
    } catch (...) {
      EndBroken();
      throw;
    }
    graph_.capture_end();
  }

  void Replay() override { graph_.replay(); }

 private:
  // A stream that records takes no other work.
  void EndBroken() {
    try {
      graph_.capture_end();
    } catch (const c10::Error&) {
      // It was cut short, and says so. What the work threw says more.
    }
  }

  at::cuda::CUDAGraph graph_;
};

class CudaGraphRecorder final : public GraphRecorder {
 public:
  explicit CudaGraphRecorder(c10::DeviceIndex device)
      : stream_(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device)),
        pool_(at::cuda::graph_pool_handle()) {}

  std::unique_ptr<Graph> Record(std::function<void()> work) override {
    return std::make_unique<CudaGraph>(stream_, pool_, work);
  }

 private:
  c10::cuda::CUDAStream stream_;
  at::cuda::MempoolId_t pool_;
};

}  // namespace

std::unique_ptr<GraphRecorder> MakeCudaGraphRecorder(c10::Device device) {
  return std::make_unique<CudaGraphRecorder>(device.has_index() ? device.index()
                                                                : c10::cuda::current_device());
}

bool HasBf16TensorCores(c10::Device device) {
  int major = 0;
  const int index = device.has_index() ? device.index() : c10::cuda::current_device();
  return cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, index) == cudaSuccess &&
         major >= 8;
}

void* CurrentCudaStream() { return c10::cuda::getCurrentCUDAStream().stream(); }

}  // namespace pass
