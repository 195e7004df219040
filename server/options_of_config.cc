#include "server/options_of_config.h"

#include <algorithm>

namespace pass {
namespace {

// Short, so that a slow machine is ready as soon as a fast one; what is not measured is learned while serving.
constexpr absl::Duration kMeasuringTime = absl::Milliseconds(400);
constexpr absl::Duration kWarmUpTime = absl::Milliseconds(600);
constexpr int kMaxWarmUpBatch = 16;

// Rows of the largest forward: a whole prefill chunk, and room for the rows of many decoding sequences.
int MaxBatchRows(const ServerConfig& config) { return std::max(512, 2 * config.prefill_chunk); }

}  // namespace

LoadOptions LoadOptionsOf(const ServerConfig& config) {
  return {.model_path = config.model,
          .lookahead_path = config.lookahead_file,
          .compute_type = config.dtype == "fp32" ? ComputeType::kFp32 : ComputeType::kBf16,
          .weights = *WeightTypeOfName(config.weights),
          .device = config.device,
          .num_threads = config.threads,
          .kv_cache_bytes = config.kv_cache_mib << 20,
          .context_length = config.context_length,
          .max_batch_rows = MaxBatchRows(config)};
}

EngineOptions EngineOptionsOf(const ServerConfig& config) {
  return {.max_sequences = config.max_sequences,
          .prefill_chunk_rows = config.prefill_chunk,
          .measuring_time = kMeasuringTime,
          .control_share = config.control_arm,
          .slow_reader_limit = config.slow_reader_timeout};
}

WarmUpOptions WarmUpOptionsOf(const ServerConfig& config) {
  return {.max_batch = std::min({config.max_sequences, config.max_queue, kMaxWarmUpBatch}),
          .prefill_rows = config.prefill_chunk,
          .budget = kWarmUpTime};
}

GatewayOptions GatewayOptionsOf(const ServerConfig& config) {
  return {.limits = {.max_prompt_bytes = config.max_prompt_bytes,
                     .method = *MethodOfName(config.method),
                     .lookahead = config.lookahead,
                     .max_rows = config.max_rows},
          .outbox_tokens = config.outbox_tokens};
}

GrpcServerOptions GrpcServerOptionsOf(const ServerConfig& config) {
  return {
      .listen = config.listen, .max_message_mib = config.max_message_mib, .reflection = config.reflection};
}

}  // namespace pass
