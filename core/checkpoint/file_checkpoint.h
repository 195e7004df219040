// A checkpoint over open files, of whatever format: it owns them, because its tensors borrow their bytes.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/checkpoint_tensors.h"

namespace pass {

// Files: what keeps the files open, movable.
template <typename Files>
class FileCheckpoint final : public Checkpoint {
 public:
  FileCheckpoint(Files files, ModelConfig config, std::string name, CheckpointTensors tensors)
      : files_(std::move(files)),
        config_(std::move(config)),
        name_(std::move(name)),
        tensors_(std::move(tensors)) {}

  const ModelConfig& config() const override { return config_; }
  const std::string& name() const override { return name_; }
  std::string Fingerprint() const override { return tensors_.Fingerprint(); }
  bool Has(std::string_view tensor) const override { return tensors_.Has(tensor); }
  absl::Status ReadRows(std::string_view tensor, std::span<const int64_t> shape, int64_t begin, int64_t end,
                        TakeRow take) const override {
    return tensors_.ReadRows(tensor, shape, begin, end, take);
  }
  std::optional<StoredRows> Stored(std::string_view tensor) const override { return tensors_.Rows(tensor); }

 private:
  Files files_;
  ModelConfig config_;
  std::string name_;
  CheckpointTensors tensors_;
};

}  // namespace pass
