#include "core/model/backend/backend.h"

#include <ATen/ops/empty.h>

#include <string_view>

#include "absl/strings/str_cat.h"
#include "core/model/backend/aten/aten_backend.h"
#include "core/model/backend/cpu/cpu_backend.h"

namespace pass {

std::unique_ptr<Linear> Backend::MakeStoredLinear(std::span<const StoredRows> /*matrices*/,
                                                  int64_t /*in*/) const {
  return nullptr;
}

absl::StatusOr<std::unique_ptr<Backend>> MakeBackend(const std::string& device, ComputeType type) try {
  constexpr std::string_view kAten = "aten:";
  const bool aten = device.starts_with(kAten);
  const auto options = at::TensorOptions()
                           .dtype(type == ComputeType::kBf16 ? at::kBFloat16 : at::kFloat)
                           .device(at::Device(aten ? device.substr(kAten.size()) : device));
  at::empty({1}, options);  // fails now, by name, where the device is missing
  if (options.device().is_cpu() && !aten) return std::make_unique<CpuBackend>(options);
  return std::make_unique<AtenBackend>(options);
} catch (const std::exception&) {
  return absl::InvalidArgumentError(
      absl::StrCat("--device ", device,
                   ": this LibTorch has no such device here; use cpu, or a CUDA build of LibTorch on a "
                   "machine with a GPU and its driver"));
}

}  // namespace pass
