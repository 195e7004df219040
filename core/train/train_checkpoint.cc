#include "core/train/train_checkpoint.h"

#include <ATen/Functions.h>
#include <xxhash.h>

#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <span>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/files/printable.h"
#include "core/files/safetensors.h"

namespace pass {
namespace {

using State = std::vector<std::pair<std::string, at::Tensor>>;
using Metadata = std::map<std::string, std::string, std::less<>>;

std::string HashOf(std::span<const TensorView> views) {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), &XXH3_freeState);
  XXH3_64bits_reset(state.get());
  for (const TensorView& view : views) {
    XXH3_64bits_update(state.get(), view.name.data(), view.name.size());
    XXH3_64bits_update(state.get(), view.data.data(), view.data.size());
  }
  return absl::StrCat(absl::Hex(XXH3_64bits_digest(state.get()), absl::kZeroPad16));
}

absl::Status Damaged(const std::string& path, std::string_view what) {
  return absl::DataLossError(absl::StrCat(path, ": ", std::string(what), "; it was cut short or changed"));
}

std::string Entry(const Metadata& metadata, const char* key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? "" : found->second;
}

absl::StatusOr<TrainCheckpoint> ReadOne(const std::string& path, const std::string& description,
                                        const State& state) {
  const absl::StatusOr<std::unique_ptr<SafetensorsFile>> file = SafetensorsFile::Open(path);
  if (!file.ok())
    return absl::IsNotFound(file.status()) ? file.status()
                                           : Damaged(path, std::string(file.status().message()));
  const Metadata& metadata = (*file)->metadata();
  if (Entry(metadata, "hash") != HashOf((*file)->tensors())) return Damaged(path, "its hash is wrong");
  TrainCheckpoint checkpoint{.description = Entry(metadata, "description")};
  if (checkpoint.description != description) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": of another run (", Printable(checkpoint.description),
                     "); give that run's options, or start without --resume"));
  }
  if (!absl::SimpleAtoi(Entry(metadata, "steps"), &checkpoint.steps) ||
      !absl::SimpleAtod(Entry(metadata, "seconds"), &checkpoint.seconds)) {
    return Damaged(path, "its metadata has no steps");
  }
  std::map<std::string, const TensorView*, std::less<>> views;
  for (const TensorView& view : (*file)->tensors()) views[std::string(view.name)] = &view;
  for (const auto& [name, tensor] : state) {
    const auto found = views.find(name);
    if (found == views.end() || found->second->data.size() != static_cast<size_t>(tensor.nbytes())) {
      return Damaged(path, absl::StrCat("tensor ", name, " is missing or of another size"));
    }
  }
  for (const auto& [name, tensor] : state) {
    std::memcpy(tensor.data_ptr(), views[name]->data.data(), static_cast<size_t>(tensor.nbytes()));
  }
  return checkpoint;
}

}  // namespace

absl::Status WriteTrainCheckpoint(const std::string& path, const TrainCheckpoint& checkpoint,
                                  const State& state) {
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : state) {
    views.push_back(
        {.name = name,
         .type = TensorType::kF32,
         .shape = tensor.sizes().vec(),
         .data = std::as_bytes(std::span(tensor.data_ptr<float>(), static_cast<size_t>(tensor.numel())))});
  }
  const Metadata metadata = {{"steps", absl::StrCat(checkpoint.steps)},
                             {"seconds", absl::StrCat(checkpoint.seconds)},
                             {"description", checkpoint.description},
                             {"hash", HashOf(views)}};
  const std::string fresh = path + ".new";
  PASS_RETURN_IF_ERROR(WriteSafetensors(fresh, metadata, views));
  std::error_code error;
  if (std::filesystem::exists(path)) std::filesystem::rename(path, path + ".old", error);
  if (!error) std::filesystem::rename(fresh, path, error);
  if (error) return absl::UnavailableError(absl::StrCat(path, ": cannot be written: ", error.message()));
  return absl::OkStatus();
}

absl::StatusOr<TrainCheckpoint> ReadTrainCheckpoint(const std::string& path, const std::string& description,
                                                    const State& state, std::string* warning) {
  const absl::StatusOr<TrainCheckpoint> newest = ReadOne(path, description, state);
  if (newest.ok() || !(absl::IsDataLoss(newest.status()) || absl::IsNotFound(newest.status()))) return newest;
  const absl::StatusOr<TrainCheckpoint> older = ReadOne(path + ".old", description, state);
  if (!older.ok()) return absl::IsNotFound(older.status()) ? newest.status() : older.status();
  *warning = absl::StrCat(std::string(newest.status().message()), "; going on from the one before, of step ",
                          older->steps);
  return older;
}

}  // namespace pass
