#include "core/model/load.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <malloc.h>
#include <torch/version.h>

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/base/usable_cpus.h"
#include "core/checkpoint/checkpoint.h"
#include "core/files/block_codes.h"
#include "core/kernels/isa.h"
#include "core/kernels/thread_team.h"
#include "core/model/backend/backend.h"
#include "core/model/kv_cache_size.h"
#include "core/model/lookahead/lookahead_file.h"
#include "core/model/lookahead/lookahead_weights.h"
#include "core/model/model_error.h"
#include "core/model/transformer.h"

namespace pass {
namespace {

// What loading took goes back. A step's outputs, some of them a few MB, come and go: glibc would map each anew and fault its
// pages in.
void KeepStepBuffersInHeap() {
#ifdef __GLIBC__
  malloc_trim(0);
  mallopt(M_MMAP_THRESHOLD, 64 << 20);
  mallopt(M_TRIM_THRESHOLD, 128 << 20);
#endif
}

// Without tokens if no file is named.
absl::StatusOr<LookaheadTokens> LoadLookahead(const LoadOptions& options, const Checkpoint& checkpoint,
                                              const std::string& fingerprint,
                                              std::vector<std::string>& warnings) {
  if (options.lookahead_path.empty()) return LookaheadTokens{};
  PASS_ASSIGN_OR_RETURN(LoadedLookahead loaded,
                        ReadLookaheadFile(options.lookahead_path, checkpoint.config(), fingerprint));
  if (!loaded.warning.empty()) warnings.push_back(loaded.warning);
  return std::move(loaded.tokens);
}

// One line about a file with blocks, or about what LoadOptions::weights made of one; empty: there is nothing to say.
std::string WeightNotice(WeightType type, const Checkpoint& checkpoint, const Backend& backend,
                         const ModelWeights& weights) {
  const std::optional<StoredRows> stored = checkpoint.Stored("model.layers.0.mlp.down_proj.weight");
  const bool quantised = stored.has_value() && CodeLayoutOf(stored->type).has_value();
  if (type == WeightType::kAsStored) {
    return absl::StrCat("--weights as-stored: ", weights.num_stored,
                        " matrices keep the blocks of the file, ", weights.num_rounded,
                        " are rounded to 8 bits, ", weights.num_plain, " are in the compute type");
  }
  const bool possible = backend.CheckWeights(WeightType::kAsStored).ok();
  if (type != WeightType::kComputeType || !quantised || !possible) return "";
  return absl::StrCat(
      "the file is quantised (", std::string(TensorTypeName(stored->type)),
      "): --weights as-stored keeps its blocks, which are fewer bytes to read for each token");
}

int64_t NumWeights(const ModelConfig& config) {
  const int64_t attention =
      (int64_t{2} * config.num_heads + int64_t{2} * config.num_kv_heads) * config.head_dim;
  return config.num_layers * config.width * (attention + 3 * config.ffn_width) +
         config.vocab_size * config.width;
}

ModelInfo Describe(const Checkpoint& checkpoint, std::string fingerprint, const ModelConfig& config,
                   ComputeType compute_type, const LookaheadTokens& lookahead, int max_batch_rows) {
  ModelInfo info{.name = checkpoint.name(),
                 .architecture = config.architecture,
                 .dtype = compute_type == ComputeType::kBf16 ? "bf16" : "fp32",
                 .device = {},
                 .fingerprint = std::move(fingerprint),
                 .vocab_size = config.vocab_size,
                 .context_length = config.context_length,
                 .num_layers = config.num_layers,
                 .width = static_cast<int>(config.width),
                 .num_lookahead = static_cast<int>(lookahead.facts.num_lookahead),
                 .has_adapter = !lookahead.adapter.empty(),
                 .has_head = lookahead.head.has_value(),
                 .max_batch_rows = max_batch_rows};
  info.shortlist_size = static_cast<int>(std::min<int64_t>(info.shortlist_size, config.vocab_size));
  return info;
}

absl::StatusOr<LoadedModel> Load(const LoadOptions& options, const LoadProgress& progress) try {
  LoadedModel loaded;
  const int num_threads = options.num_threads > 0 ? options.num_threads : UsableCpus();
  at::set_num_threads(1);
  ThreadTeam team(num_threads);  // reads and packs several layers at a time
  const TeamScope scope(&team);
  PASS_RETURN_IF_ERROR(CheckModel(options));
  PASS_ASSIGN_OR_RETURN(std::unique_ptr<Backend> backend, MakeBackend(options.device, options.compute_type));
  PASS_ASSIGN_OR_RETURN(const std::unique_ptr<Checkpoint> checkpoint, OpenCheckpoint(options.model_path));
  ModelConfig config = checkpoint->config();
  if (options.context_length > 0)
    config.context_length = std::min(config.context_length, options.context_length);

  const ComputeType compute_type = options.compute_type;
  const std::string fingerprint = checkpoint->Fingerprint();
  PASS_ASSIGN_OR_RETURN(const LookaheadTokens lookahead,
                        LoadLookahead(options, *checkpoint, fingerprint, loaded.warnings));
  PASS_ASSIGN_OR_RETURN(ModelWeights weights, LoadWeights(*checkpoint, *backend, lookahead.head.has_value(),
                                                          progress, options.weights));
  if (std::string notice = WeightNotice(options.weights, *checkpoint, *backend, weights); !notice.empty()) {
    loaded.notices.push_back(std::move(notice));
  }

  KvCache cache(config, *backend, KvCacheBytes(options.kv_cache_bytes, backend->FreeBytes()),
                options.max_batch_rows);
  if (cache.usage().total_pages < 1) {
    return absl::InvalidArgumentError("--kv-cache-mib is too small for one page of this model; raise it");
  }
  ModelInfo info =
      Describe(*checkpoint, fingerprint, config, compute_type, lookahead, options.max_batch_rows);
  info.device = options.device;
  info.weights = options.weights == WeightType::kComputeType
                     ? info.dtype
                     : kWeightTypeNames[static_cast<size_t>(options.weights)];
  LookaheadWeights lookahead_weights = MakeLookaheadWeights(lookahead, *backend, weights);
  loaded.num_weights = NumWeights(config);
  loaded.model =
      std::make_unique<Transformer>(config, std::move(info), std::move(backend), std::move(weights),
                                    std::move(lookahead_weights), std::move(cache), num_threads);
  KeepStepBuffersInHeap();
  return loaded;
} catch (const std::exception& error) {
  const absl::Status status = ModelError(absl::StrCat(options.model_path, ": could not be loaded"), error);
  if (!absl::IsResourceExhausted(status)) return absl::InternalError(status.message());
  return absl::ResourceExhaustedError(absl::StrCat(options.model_path, ": --device ", options.device,
                                                   " has too little memory for the weights and the cache; "
                                                   "give less --kv-cache-mib, or take a device with more"));
}

}  // namespace

absl::StatusOr<LoadedModel> LoadModel(const LoadOptions& options, const LoadProgress& progress) {
  // On a thread of its own, which ends, and with it the workers that libgomp made for it.
  absl::StatusOr<LoadedModel> loaded;
  std::thread([&] { loaded = Load(options, progress); }).join();
  return loaded;
}

absl::Status CheckModel(const LoadOptions& options) {
  if (!kernels::MaxIsaError().empty()) return absl::InvalidArgumentError(std::string(kernels::MaxIsaError()));
  PASS_ASSIGN_OR_RETURN(const std::unique_ptr<Backend> backend,
                        MakeBackend(options.device, options.compute_type));
  PASS_RETURN_IF_ERROR(backend->CheckWeights(options.weights));
  PASS_ASSIGN_OR_RETURN(const std::unique_ptr<Checkpoint> checkpoint, OpenCheckpoint(options.model_path));
  if (const absl::Status shape = backend->CheckShape(checkpoint->config()); !shape.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(options.model_path, ": ", std::string(shape.message())));
  }
  return absl::OkStatus();
}

std::string InstructionSet() { return std::string(kernels::IsaName(kernels::ActiveIsa())); }

std::string LibTorchVersion() { return TORCH_VERSION; }

}  // namespace pass
