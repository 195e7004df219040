#include "core/model/backend/backend.h"

#include <ATen/ops/empty.h>

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/model/backend/aten/aten_backend.h"
#include "core/model/backend/cpu/cpu_backend.h"
#include "core/model/backend/cuda/cuda_backend.h"
#include "core/model/backend/cuda/cuda_graph.h"
#include "core/model/backend/cuda/cuda_kernel_backend.h"
#include "core/model/backend/cuda/kernels/targets.h"
#include "core/model/backend/cuda/rerun_graph.h"

namespace pass {
namespace {

// With these kernels, which compute in bf16 alone, where there are any.
std::unique_ptr<Backend> OnCuda(const at::TensorOptions& options, std::unique_ptr<GraphRecorder> recorder,
                                KernelTarget target) {
  if (target.kernels == nullptr || options.dtype() != at::kBFloat16) {
    return std::make_unique<CudaBackend>(options, std::move(recorder));
  }
  return std::make_unique<CudaKernelBackend>(options, std::move(recorder), std::move(target));
}

}  // namespace

std::unique_ptr<Linear> Backend::MakeStoredLinear(std::span<const StoredRows> /*matrices*/,
                                                  int64_t /*in*/) const {
  return nullptr;
}

void Backend::ProjectHeads(const Linear& qkv, const at::Tensor& x, const RopeTables& tables,
                           const ForwardPlan& plan, const HeadShape& shape, at::Tensor& query,
                           KvLayer& layer) const {
  RopeSplit(qkv.Multiply(x, plan.adapted), tables, plan, shape, query, layer);
}

StepOutputs Backend::Run(const ForwardPlan& plan, const Step& step) { return step(plan); }

absl::StatusOr<std::unique_ptr<Backend>> MakeBackend(const std::string& device, ComputeType type) try {
  constexpr std::string_view kAten = "aten:";
  const auto typed = at::TensorOptions().dtype(type == ComputeType::kBf16 ? at::kBFloat16 : at::kFloat);
  const at::TensorOptions on_cpu = typed.device(at::kCPU);
  if (device == "cuda:mock") return OnCuda(on_cpu, std::make_unique<RerunRecorder>(), {});
  if (device == "cuda:emulated" && cuda::emulated_kernels != nullptr) {
    return OnCuda(on_cpu, std::make_unique<RerunRecorder>(),
                  {cuda::emulated_kernels, [] { return nullptr; }});
  }
  const bool aten = device.starts_with(kAten), library = device == "cuda:library";
  const std::string name = aten ? device.substr(kAten.size()) : library ? "cuda" : device;
  const auto options = typed.device(at::Device(name));
  at::empty({1}, options);  // fails now, by name, where the device is missing
  if (aten) return std::make_unique<AtenBackend>(options);
  if (options.device().is_cpu()) return std::make_unique<CpuBackend>(options);
  if (options.device().is_cuda()) {
    const bool takes_kernels = !library && HasBf16TensorCores(options.device());
    return OnCuda(options, MakeCudaGraphRecorder(options.device()),
                  {takes_kernels ? cuda::DeviceKernels() : nullptr, CurrentCudaStream});
  }
  return std::make_unique<AtenBackend>(options);
} catch (const std::exception&) {
  return absl::InvalidArgumentError(
      absl::StrCat("--device ", device,
                   ": this LibTorch has no such device here; use cpu, or a CUDA build of LibTorch on a "
                   "machine with a GPU and its driver"));
}

}  // namespace pass
