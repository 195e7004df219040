#include "core/checkpoint/checkpoint_tensors.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <memory>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/check.h"
#include "core/files/dequantize.h"
#include "core/files/mapped_file.h"
#include "core/files/printable.h"

namespace pass {
namespace {

std::string ShapeText(std::span<const int64_t> shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

// Interleaved, the rows of a head lie as the pairs that rotate together: 2i and 2i + 1 are rows i and i + head_dim
// / 2 of the half-split order (llama.cpp's convert_hf_to_gguf.py, LlamaModel.permute).
size_t HalfSplitRow(size_t row, size_t head_dim) {
  const size_t in_head = row % head_dim;
  return row - in_head + in_head / 2 + in_head % 2 * (head_dim / 2);
}

// Adding 1 to the exponent of an infinity or NaN, which is all ones, reaches the sign; no other's does.
bool AllFinite(std::span<const float> values) {
  uint32_t carry = 0;
  for (const float value : values)
    carry |= (std::bit_cast<uint32_t>(value) & 0x7f800000u) + (uint32_t{1} << 23);
  return carry >> 31 == 0;
}

// PEFT's names for the parts of an adapter, and llama.cpp's.
bool IsOfAdapter(std::string_view name) {
  return name.starts_with("base_model.model.") || name.find(".lora_") != name.npos;
}

}  // namespace

absl::Status CheckpointTensors::Add(const std::string& path, std::span<const TensorView> tensors) {
  for (const TensorView& view : tensors) {
    const auto [entry, is_new] = stored_.try_emplace(view.name, Stored{path, view});
    if (is_new) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": tensor ", Printable(view.name),
                     " is stored twice, under an older and a newer name, the other time in ",
                     entry->second.path, "; save the model again (save_pretrained), so that one is left"));
  }
  return absl::OkStatus();
}

absl::Status CheckpointTensors::Bind(const std::string& path, const ModelConfig& config,
                                     const StoredForm& form,
                                     const std::function<bool(std::string_view)>& is_ignored) {
  for (const auto& [name, stored] : stored_) {
    if (!IsOfAdapter(name)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        stored.path, ": tensor ", Printable(name),
        " is part of an adapter (LoRA); merge it into its model first (PEFT's merge_and_unload)"));
  }
  std::set<std::string_view> used;
  for (const ModelTensor& wanted : ListTensors(config)) {
    const std::string& stored_name =
        form.naming == StoredForm::Naming::kGguf ? wanted.gguf_name : wanted.name;
    const auto entry = stored_.find(stored_name);
    if (entry == stored_.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": tensor ", Printable(stored_name), " is missing; download the model again"));
    }
    const Stored& stored = entry->second;
    if (stored.view.shape != wanted.shape) {
      return absl::InvalidArgumentError(
          absl::StrCat(stored.path, ": tensor ", Printable(stored_name), " has shape ",
                       ShapeText(stored.view.shape), ", the model's configuration asks for ",
                       ShapeText(wanted.shape), "; use the configuration of this model"));
    }
    if (stored.view.type == TensorType::kI32) {
      return absl::InvalidArgumentError(
          absl::StrCat(stored.path, ": tensor ", Printable(stored_name),
                       " holds integers; save the model as one of F32, F16, BF16"));
    }
    if (wanted.shape.size() == 1 && LayoutOf(stored.view.type).elements != 1) {
      return absl::InvalidArgumentError(
          absl::StrCat(stored.path, ": tensor ", Printable(stored_name),
                       " is a vector in blocks; save the model with its vectors as F32"));
    }
    used.insert(entry->first);
    bound_[wanted.name] = {.stored = &stored,
                           .interleaved_heads = form.interleaved_pairs ? wanted.rotary_heads : 0,
                           .lacks_one = form.norms_lack_one && wanted.is_norm};
  }
  for (const auto& [name, stored] : stored_) {
    if (used.contains(name) || is_ignored(name)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        stored.path, ": tensor ", Printable(name), " is no weight that the step of this ",
        config.architecture, " has a use for; use a model without it, or its own configuration"));
  }
  return absl::OkStatus();
}

const TensorView* CheckpointTensors::FindStored(std::string_view stored_name) const {
  const auto entry = stored_.find(stored_name);
  return entry == stored_.end() ? nullptr : &entry->second.view;
}

// Each name and each tensor's bytes with their lengths before them, so that no two sets of tensors read the
// same.
std::string CheckpointTensors::Fingerprint() const {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), &XXH3_freeState);
  XXH3_128bits_reset(state.get());
  const auto update = [&state](const void* data, uint64_t size) {
    XXH3_128bits_update(state.get(), &size, sizeof(size));
    XXH3_128bits_update(state.get(), data, size);
  };
  for (const auto& [name, stored] : stored_) {
    update(name.data(), name.size());
    update(stored.view.data.data(), stored.view.data.size());
    MappedFile::LetGo(stored.view.data);
  }
  const XXH128_hash_t hash = XXH3_128bits_digest(state.get());
  return absl::StrCat(absl::Hex(hash.high64, absl::kZeroPad16), absl::Hex(hash.low64, absl::kZeroPad16));
}

absl::Status CheckpointTensors::ReadRows(
    std::string_view name, std::span<const int64_t> shape, int64_t begin, int64_t end,
    absl::FunctionRef<void(int64_t row, std::span<const float> values)> take) const {
  const auto entry = bound_.find(name);
  if (entry == bound_.end()) {
    return absl::NotFoundError(absl::StrCat("tensor ", Printable(name), " is not a weight of this model"));
  }
  const auto& [stored, interleaved_heads, lacks_one] = entry->second;
  const TensorView& view = stored->view;
  if (!std::ranges::equal(view.shape, shape)) {
    return absl::InvalidArgumentError(absl::StrCat(stored->path, ": tensor ", Printable(view.name),
                                                   " has shape ", ShapeText(view.shape), ", not ",
                                                   ShapeText(shape)));
  }
  const bool is_matrix = shape.size() > 1;
  const size_t count = CountElements(shape).value(), columns = is_matrix ? shape.back() : count;
  const size_t rows = count / columns, row_bytes = view.data.size() / rows;
  // Rows of a matrix, or elements of a vector, that rotate together.
  const size_t head_dim = interleaved_heads > 0 ? (is_matrix ? rows : columns) / interleaved_heads : 0;
  PASS_CHECK(begin >= 0 && begin <= end && static_cast<size_t>(end) <= rows);
  std::vector<float> values(columns), placed;
  const auto data = view.data.subspan(begin * row_bytes, (end - begin) * row_bytes);
  for (int64_t row = begin; row < end; ++row) {
    Dequantize(view.type, data.subspan((row - begin) * row_bytes, row_bytes), values);
    if (lacks_one) {
      for (float& value : values) value += 1.0f;
    }
    // Here, while the row is in the cache: a request that meets such a weight could only fail.
    if (!AllFinite(values)) {
      return absl::InvalidArgumentError(
          absl::StrCat(stored->path, ": tensor ", Printable(view.name),
                       " has values that are not numbers (infinite or NaN) in row ", row,
                       "; save, convert or download the model again"));
    }
    if (head_dim == 0) {
      take(row, values);
    } else if (is_matrix) {
      take(static_cast<int64_t>(HalfSplitRow(row, head_dim)), values);
    } else {
      placed.resize(columns);
      for (size_t i = 0; i < columns; ++i) placed[HalfSplitRow(i, head_dim)] = values[i];
      take(row, placed);
    }
  }
  MappedFile::LetGo(data);
  return absl::OkStatus();
}

std::optional<StoredRows> CheckpointTensors::Rows(std::string_view name) const {
  const auto entry = bound_.find(name);
  if (entry == bound_.end()) return std::nullopt;
  const auto& [stored, interleaved_heads, lacks_one] = entry->second;
  const TensorView& view = stored->view;
  if (view.shape.size() != 2 || lacks_one) return std::nullopt;
  const auto rows = static_cast<size_t>(view.shape.front());
  const size_t row_bytes = view.data.size() / rows;
  StoredRows result{.type = view.type, .rows = std::vector<std::span<const std::byte>>(rows)};
  for (size_t row = 0; row < rows; ++row) {
    const size_t target =
        interleaved_heads > 0 ? HalfSplitRow(row, rows / static_cast<size_t>(interleaved_heads)) : row;
    result.rows[target] = view.data.subspan(row * row_bytes, row_bytes);
  }
  return result;
}

}  // namespace pass
