#include "server/config.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/base/status_macros.h"
#include "core/engine/request.h"
#include "core/model/load.h"
#include "server/flags.h"
#include "server/listen_address.h"
#include "server/logging.h"

namespace pass {
namespace {

Flags AddFlags(ServerConfig* config) {
  Flags flags;
  flags.Add("model", &config->model, "GGUF file or Hugging Face folder");
  flags.Add("model-name", &config->model_name, "what clients call the model; empty: as its files say");
  flags.Add("lookahead-file", &config->lookahead_file,
            "look-ahead tokens (safetensors); without: drafts from the request's own text alone");
  flags.Add("listen", &config->listen,
            "address of the gRPC service, host:port or unix:/path; port 0 picks one");
  flags.Add("metrics-listen", &config->metrics_listen, "address of /metrics; port 0 picks one");
  flags.Add("dtype", &config->dtype, "compute type: bf16 or fp32");
  flags.Add(
      "weights", &config->weights,
      "what matrices are kept in: w8, w4, or as-stored for the blocks of a quantised file; empty: dtype");
  flags.Add("device", &config->device, "cpu, cuda or cuda:N");
  flags.Add("threads", &config->threads, "threads of the model's step; 0: one per core");
  flags.Add("kv-cache-mib", &config->kv_cache_mib,
            "memory for keys and values; 0: 1024, on a GPU most of what is free there");
  flags.Add("max-sequences", &config->max_sequences, "requests decoded at a time");
  flags.Add("max-queue", &config->max_queue, "requests that may wait; more are refused");
  flags.Add("prefill-chunk", &config->prefill_chunk, "prompt tokens of one forward");
  flags.Add("method", &config->method, "decoding of requests that name none: auto, plain, pass or tree");
  flags.Add("lookahead", &config->lookahead, "look-ahead tokens of requests that name no number; -1: all");
  flags.Add("max-rows", &config->max_rows, "most rows of one request in a forward of tree and auto");
  flags.Add("context-length", &config->context_length, "longest prompt + completion; 0: the model's own");
  flags.Add("max-message-mib", &config->max_message_mib, "largest request message");
  flags.Add("max-prompt-bytes", &config->max_prompt_bytes, "largest prompt text, before it is tokenised");
  flags.Add("outbox-tokens", &config->outbox_tokens,
            "unsent tokens after which a slow reader's sequence pauses");
  flags.Add("slow-reader-timeout", &config->slow_reader_timeout,
            "a paused sequence is cut off after so long");
  flags.Add("drain-timeout", &config->drain_timeout, "how long running requests may go on after SIGTERM");
  flags.Add("reflection", &config->reflection, "serve gRPC reflection");
  flags.Add("ready-file", &config->ready_file, "written with the chosen addresses once everything serves");
  flags.Add("control-arm", &config->control_arm,
            "share of the forwards of auto that decode plain, to measure the speed-up; 0 to 1");
  flags.Add("vllm-metrics", &config->vllm_metrics, "the series that vLLM has too, under its names besides");
  flags.Add("log-format", &config->log_format, "text or json");
  flags.Add("log-level", &config->log_level, "debug, info, warning or error");
  return flags;
}

// A range is said by its flag. Who wrote the setting elsewhere is told where.
absl::Status Attributed(const absl::Status& status, const Flags& flags) {
  if (status.ok()) return status;
  const std::string message(status.message());
  const std::string flag = message.substr(0, message.find(' '));
  const std::string origin = flags.OriginOf(flag);
  if (origin == flag) return status;
  return absl::Status(status.code(), absl::StrCat(message, " (set by ", origin, ")"));
}

absl::Status AtLeast(const char* flag, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(flag, " must be from ", least, " to ", most, ", not ", value));
}

absl::Status CheckTime(const char* flag, absl::Duration value, absl::Duration least) {
  constexpr absl::Duration kMost = absl::Hours(24 * 31);
  if (value >= least && value <= kMost) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(flag, " must be from ", absl::FormatDuration(least), " to ",
                                                 absl::FormatDuration(kMost), ", not ",
                                                 absl::FormatDuration(value)));
}

absl::Status CheckContextLength(int32_t tokens) {
  constexpr int32_t kLeast = 16;  // room for the generations before the first client's
  if (tokens == 0) return absl::OkStatus();
  const absl::Status status = AtLeast("--context-length", tokens, kLeast, int64_t{1} << 30);
  return status.ok() ? status
                     : absl::InvalidArgumentError(absl::StrCat(std::string(status.message()),
                                                               "; 0 takes what the model says of itself"));
}

absl::Status CheckMethod(const std::string& method, const std::string& lookahead_file) {
  if (!MethodOfName(method).has_value()) {
    return absl::InvalidArgumentError("--method must be " + MethodNames());
  }
  if (method == "pass" && lookahead_file.empty()) {
    return absl::InvalidArgumentError(
        "--method pass needs look-ahead tokens: give --lookahead-file, or choose another method");
  }
  return absl::OkStatus();
}

absl::Status CheckName(const std::string& name) {
  const auto is_printable = [](char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); };
  if (name.size() <= 256 && std::all_of(name.begin(), name.end(), is_printable)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "--model-name must have at most 256 printable ASCII characters, no spaces");
}

absl::Status CheckShare(const char* flag, double share) {
  if (share >= 0 && share <= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(flag, " must be from 0 to 1"));
}

}  // namespace

std::string ServerVersion() { return PASS_VERSION; }

absl::Status ServerConfig::Validate() const {
  constexpr int64_t kMost = int64_t{1} << 30;
  if (model.empty()) {
    return absl::InvalidArgumentError("--model is missing: give a GGUF file or a Hugging Face folder");
  }
  if (dtype != "bf16" && dtype != "fp32") return absl::InvalidArgumentError("--dtype must be bf16 or fp32");
  if (!WeightTypeOfName(weights).has_value()) {
    return absl::InvalidArgumentError("--weights must be w8, w4 or as-stored, or left out");
  }
  PASS_RETURN_IF_ERROR(ParseListenAddress("--listen", listen, UnixSockets::kAllowed).status());
  PASS_RETURN_IF_ERROR(
      ParseListenAddress("--metrics-listen", metrics_listen, UnixSockets::kRefused).status());
  for (const absl::Status& status :
       {AtLeast("--threads", threads, 0, 1024), AtLeast("--kv-cache-mib", kv_cache_mib, 0, kMost),
        AtLeast("--max-sequences", max_sequences, 1, 4096), AtLeast("--max-queue", max_queue, 1, 1 << 20),
        AtLeast("--prefill-chunk", prefill_chunk, 1, 1 << 16), AtLeast("--lookahead", lookahead, -1, 1024),
        AtLeast("--max-rows", max_rows, 1, kMostRows), CheckContextLength(context_length),
        AtLeast("--max-message-mib", max_message_mib, 1, 1024),
        AtLeast("--max-prompt-bytes", max_prompt_bytes, 1, kMost),
        AtLeast("--outbox-tokens", outbox_tokens, 1, 1 << 20), CheckMethod(method, lookahead_file),
        CheckTime("--slow-reader-timeout", slow_reader_timeout, absl::Milliseconds(1)),
        CheckTime("--drain-timeout", drain_timeout, absl::ZeroDuration()), CheckName(model_name),
        CheckShare("--control-arm", control_arm), CheckLogging(log_format, log_level)}) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

std::optional<int> ParseCommandLine(int argc, const char* const* argv, ServerConfig* config,
                                    const std::string& build) {
  CLI::App app("Serves a causal language model over gRPC with PaSS, parallel speculative sampling.",
               "pass-server");
  app.set_version_flag("--version",
                       absl::StrCat("pass-server ", ServerVersion(), build.empty() ? "" : " ", build));
  app.footer("Each flag has an environment twin: --max-queue is PASS_MAX_QUEUE.");
  Flags flags = AddFlags(config);
  absl::Status status;
  try {
    status = flags.Read(&app, argc, argv, environ);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    status = absl::InvalidArgumentError(absl::StrReplaceAll(error.what(), {{"\n", " "}}));
  }
  if (status.ok()) status = Attributed(config->Validate(), flags);
  if (status.ok()) return std::nullopt;
  std::fprintf(stderr, "pass-server: %s\n", std::string(status.message()).c_str());
  return 1;
}

void LogConfig(const ServerConfig& config) {
  Log(LogLevel::kInfo, "config",
      {{"version", ServerVersion()},
       {"model", config.model},
       {"model_name", config.model_name},
       {"lookahead_file", config.lookahead_file},
       {"listen", config.listen},
       {"metrics_listen", config.metrics_listen},
       {"dtype", config.dtype},
       {"weights", config.weights},
       {"device", config.device},
       {"threads", int64_t{config.threads}},
       {"kv_cache_mib", config.kv_cache_mib},
       {"max_sequences", int64_t{config.max_sequences}},
       {"max_queue", int64_t{config.max_queue}},
       {"prefill_chunk", int64_t{config.prefill_chunk}},
       {"method", config.method},
       {"lookahead", int64_t{config.lookahead}},
       {"max_rows", int64_t{config.max_rows}},
       {"context_length", int64_t{config.context_length}},
       {"max_message_mib", int64_t{config.max_message_mib}},
       {"max_prompt_bytes", config.max_prompt_bytes},
       {"outbox_tokens", int64_t{config.outbox_tokens}},
       {"slow_reader_timeout_seconds", absl::ToDoubleSeconds(config.slow_reader_timeout)},
       {"drain_timeout_seconds", absl::ToDoubleSeconds(config.drain_timeout)},
       {"reflection", config.reflection},
       {"ready_file", config.ready_file},
       {"log_format", config.log_format},
       {"log_level", config.log_level},
       {"control_arm", config.control_arm},
       {"vllm_metrics", config.vllm_metrics}});
}

}  // namespace pass
