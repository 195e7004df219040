// A model on disk, whatever its format: a GGUF file, or a Hugging Face folder with config.json and
// safetensors. Tensors are asked for by their Hugging Face names ("model.layers.0.self_attn.q_proj.weight");
// GGUF names, reversed shapes, interleaved rotary pairs and quantised blocks are hidden here. Torch-free.
//
// Errors are one line that names the file, the tensor or key, and the cure; status INVALID_ARGUMENT or
// NOT_FOUND. Thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/checkpoint/config.h"
#include "core/files/tensor_type.h"

namespace pass {

// A matrix as it lies in its file; the rows in the order of Checkpoint::Read, borrowed from the checkpoint.
struct StoredRows {
  TensorType type = TensorType::kF32;
  std::vector<std::span<const std::byte>> rows;
};

class Checkpoint {
 public:
  virtual ~Checkpoint() = default;

  virtual const ModelConfig& config() const = 0;
  // general.name of a GGUF file, else the folder's or file's name. Valid UTF-8.
  virtual const std::string& name() const = 0;
  // XXH3-128 of all tensors' names and bytes, in name order; 32 hexadecimal digits.
  virtual std::string Fingerprint() const = 0;

  virtual bool Has(std::string_view tensor) const = 0;

  // A row as float32; a vector is one row. The values last as long as the call.
  using TakeRow = absl::FunctionRef<void(int64_t row, std::span<const float> values)>;
  // Dequantises stored rows [begin, end) of the tensor and gives each to `take` as the row that it is in half-split order
  // of rotary pairs. The tensor's shape must be `shape`. INVALID_ARGUMENT also if a value is infinite or a NaN.
  virtual absl::Status ReadRows(std::string_view tensor, std::span<const int64_t> shape, int64_t begin,
                                int64_t end, TakeRow take) const = 0;

  // The whole tensor, row-major into `out`. INVALID_ARGUMENT also if its size is not the product of `shape`.
  absl::Status Read(std::string_view tensor, std::span<const int64_t> shape, std::span<float> out) const;

  // The matrix undecoded and unchecked. nullopt: there is none of the name, or its values in the file are not those of Read.
  virtual std::optional<StoredRows> Stored(std::string_view tensor) const = 0;
};

// `path`: a .gguf file or a folder. Refuses, by name, an architecture that is not served (architecture.h) and any feature
// that the step does not compute. A path that is no model
// (an adapter, a folder of GGUF files, a hub's name) is told apart, with what to name in its place.
absl::StatusOr<std::unique_ptr<Checkpoint>> OpenCheckpoint(const std::string& path);

}  // namespace pass
