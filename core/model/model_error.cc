#include "core/model/model_error.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <new>
#include <string>

#include "absl/strings/str_cat.h"

namespace pass {
namespace {

// Without the C++ stack and what LibTorch advises below the first line.
std::string FirstLine(const std::exception& error) {
  const auto* of_torch = dynamic_cast<const c10::Error*>(&error);
  const std::string text = of_torch != nullptr ? of_torch->what_without_backtrace() : error.what();
  return text.substr(0, text.find('\n'));
}

bool IsOutOfMemory(const std::exception& error) {
  return dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
         dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
}

// CUDA's own errors hold from then on for all of a process. Its libraries report theirs in words alone.
bool IsDeviceLost(const std::exception& error) {
  if (dynamic_cast<const c10::AcceleratorError*>(&error) != nullptr) return true;
  constexpr std::array<std::string_view, 4> kWords = {"CUDA error", "CUBLAS_STATUS_", "CUDNN_STATUS_",
                                                      "device-side assert"};
  const std::string_view text = error.what();
  return std::ranges::any_of(kWords, [&](std::string_view word) { return text.find(word) != text.npos; });
}

}  // namespace

absl::Status ModelError(std::string_view what, const std::exception& error) {
  const std::string message = absl::StrCat(std::string(what), ": ", FirstLine(error));
  if (IsOutOfMemory(error)) return absl::ResourceExhaustedError(message);
  if (IsDeviceLost(error)) return absl::UnavailableError(message);
  return absl::InternalError(message);
}

}  // namespace pass
