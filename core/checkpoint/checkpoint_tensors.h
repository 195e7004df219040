// The tensors of a checkpoint's files, bound to the weights that its config asks for. Torch-free.
//
// Borrows the files' mappings. Immutable after Bind and thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/checkpoint_layout.h"
#include "core/files/tensor_view.h"

namespace pass {

// How a format holds the weights.
struct StoredForm {
  enum class Naming : uint8_t { kHuggingFace, kGguf };
  Naming naming = Naming::kHuggingFace;
  bool interleaved_pairs = false;  // rotary pairs lie side by side, not in two halves
  bool norms_lack_one = false;
};

class CheckpointTensors {
 public:
  CheckpointTensors() = default;
  CheckpointTensors(CheckpointTensors&&) =
      default;  // map nodes stay where they are, and so do the pointers to them
  CheckpointTensors& operator=(CheckpointTensors&&) = default;

  // Adds a file's tensors. INVALID_ARGUMENT: one of the same name is there already. No file and no index has a name
  // twice; but two stored names can mean the same tensor, for which the caller gives one name.
  absl::Status Add(const std::string& path, std::span<const TensorView> tensors);

  // Finds every weight of `config` under its name and with its shape. INVALID_ARGUMENT: one is missing or has
  // another shape, or a tensor is left over that the model's step would not use (a bias, a norm that it
  // has not), except the names that `is_ignored` accepts. `path` is what errors about missing tensors name.
  absl::Status Bind(const std::string& path, const ModelConfig& config, const StoredForm& form,
                    const std::function<bool(std::string_view)>& is_ignored);

  const TensorView* FindStored(std::string_view stored_name) const;
  std::string Fingerprint() const;
  bool Has(std::string_view name) const { return bound_.contains(name); }
  // As Checkpoint::ReadRows.
  absl::Status ReadRows(std::string_view name, std::span<const int64_t> shape, int64_t begin, int64_t end,
                        absl::FunctionRef<void(int64_t row, std::span<const float> values)> take) const;
  std::optional<StoredRows> Rows(std::string_view name) const;

 private:
  struct Stored {
    std::string path;
    TensorView view;
  };
  struct Bound {
    const Stored* stored = nullptr;
    int interleaved_heads = 0;  // > 0: rows to be brought into half-split order
    bool lacks_one = false;
  };

  std::map<std::string, Stored, std::less<>> stored_;  // by the name in the file
  std::map<std::string, Bound, std::less<>> bound_;    // by the Hugging Face name
};

}  // namespace pass
