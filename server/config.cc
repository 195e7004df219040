#include "server/config.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <type_traits>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/engine/request.h"
#include "server/logging.h"

namespace pass {
namespace {

std::string EnvironmentName(const std::string& flag) {
  return absl::StrCat("PASS_", absl::AsciiStrToUpper(absl::StrReplaceAll(flag, {{"-", "_"}})));
}

// "30", "1.5" (seconds), "500ms", "2m".
bool ParseDuration(const std::string& text, absl::Duration* duration) {
  double seconds = 0;
  if (absl::SimpleAtod(text, &seconds)) {
    *duration = absl::Seconds(seconds);
    return true;
  }
  return absl::ParseDuration(text, duration);
}

class Flags {
 public:
  explicit Flags(CLI::App* app) : app_(app) {}

  template <typename Value>
  void Add(const std::string& name, Value* value, const std::string& help) {
    CLI::Option* option = nullptr;
    if constexpr (std::is_same_v<Value, bool>) {
      option = app_->add_flag(absl::StrCat("--", name), *value, help);
    } else if constexpr (std::is_same_v<Value, absl::Duration>) {
      option = app_->add_option(
          absl::StrCat("--", name),
          [value](const CLI::results_t& results) { return ParseDuration(results.back(), value); }, help);
      option->type_name("SECONDS")->default_str(absl::StrCat(absl::ToDoubleSeconds(*value)));
    } else {
      option = app_->add_option(absl::StrCat("--", name), *value, help)->capture_default_str();
    }
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    names_.push_back(name);
  }

  // What the environment says, as flags: before those of the command line, so that these win. (CLI11's own
  // environment names lose against the file.)
  std::vector<std::string> FromEnvironment() const {
    std::vector<std::string> arguments;
    for (const std::string& name : names_) {
      const char* value = std::getenv(EnvironmentName(name).c_str());
      if (value != nullptr) arguments.push_back(absl::StrCat("--", name, "=", value));
    }
    return arguments;
  }

 private:
  CLI::App* app_;
  std::vector<std::string> names_;
};

Flags AddFlags(CLI::App* app, ServerConfig* config) {
  Flags flags(app);
  flags.Add("model", &config->model, "GGUF file or Hugging Face folder");
  flags.Add("lookahead-file", &config->lookahead_file,
            "look-ahead tokens (safetensors); without: plain decoding only");
  flags.Add("listen", &config->listen, "address of the gRPC service; port 0 picks one");
  flags.Add("metrics-listen", &config->metrics_listen, "address of /metrics; port 0 picks one");
  flags.Add("dtype", &config->dtype, "compute type: bf16 or fp32");
  flags.Add("device", &config->device, "cpu, cuda or cuda:N");
  flags.Add("threads", &config->threads, "threads of the model's step; 0: one per core");
  flags.Add("kv-cache-mib", &config->kv_cache_mib, "memory for keys and values");
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
  flags.Add("log-format", &config->log_format, "text or json");
  flags.Add("log-level", &config->log_level, "debug, info, warning or error");
  return flags;
}

absl::Status AtLeast(const char* flag, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(flag, " must be from ", least, " to ", most, ", not ", value));
}

}  // namespace

std::string ServerVersion() { return PASS_VERSION; }

absl::Status ServerConfig::Validate() const {
  constexpr int64_t kMost = int64_t{1} << 30;
  if (model.empty()) {
    return absl::InvalidArgumentError("--model is missing: give a GGUF file or a Hugging Face folder");
  }
  if (dtype != "bf16" && dtype != "fp32") return absl::InvalidArgumentError("--dtype must be bf16 or fp32");
  for (const absl::Status& status :
       {AtLeast("--threads", threads, 0, 1024), AtLeast("--kv-cache-mib", kv_cache_mib, 1, kMost),
        AtLeast("--max-sequences", max_sequences, 1, 4096), AtLeast("--max-queue", max_queue, 1, 1 << 20),
        AtLeast("--prefill-chunk", prefill_chunk, 1, 1 << 16), AtLeast("--lookahead", lookahead, -1, 1024),
        AtLeast("--max-rows", max_rows, 1, kMostRows), AtLeast("--context-length", context_length, 0, kMost),
        AtLeast("--max-message-mib", max_message_mib, 1, 1024),
        AtLeast("--max-prompt-bytes", max_prompt_bytes, 1, kMost),
        AtLeast("--outbox-tokens", outbox_tokens, 1, 1 << 20)}) {
    if (!status.ok()) return status;
  }
  if (!MethodOfName(method).has_value()) {
    return absl::InvalidArgumentError("--method must be " + MethodNames());
  }
  if (slow_reader_timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("--slow-reader-timeout must be above 0");
  }
  if (drain_timeout < absl::ZeroDuration())
    return absl::InvalidArgumentError("--drain-timeout must not be negative");
  return absl::OkStatus();
}

std::optional<int> ParseCommandLine(int argc, const char* const* argv, ServerConfig* config) {
  CLI::App app("Serves a causal language model over gRPC with PaSS, parallel speculative sampling.",
               "pass-server");
  app.set_version_flag("--version", absl::StrCat("pass-server ", ServerVersion()));
  app.set_config("--config", "", "file with the same keys (TOML or INI)")->envname("PASS_CONFIG");
  app.footer("Each flag has an environment twin: --max-queue is PASS_MAX_QUEUE.");
  std::vector<std::string> arguments = AddFlags(&app, config).FromEnvironment();
  arguments.insert(arguments.end(), argv + 1, argv + argc);
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    app.parse(arguments);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "pass-server: %s (see --help)\n",
                 absl::StrReplaceAll(error.what(), {{"\n", " "}}).c_str());
    return 1;
  }
  if (const absl::Status status = config->Validate(); !status.ok()) {
    std::fprintf(stderr, "pass-server: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  return std::nullopt;
}

void LogConfig(const ServerConfig& config) {
  Log(LogLevel::kInfo, "config",
      {{"version", ServerVersion()},
       {"model", config.model},
       {"lookahead_file", config.lookahead_file},
       {"listen", config.listen},
       {"metrics_listen", config.metrics_listen},
       {"dtype", config.dtype},
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
       {"log_level", config.log_level}});
}

}  // namespace pass
