// The server's settings: flags in long kebab-case, each with a PASS_ environment twin (--max-queue,
// PASS_MAX_QUEUE) and the same key in an optional --config file (max-queue = 3). A flag wins over the
// environment, which wins over the file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace pass {

struct ServerConfig {
  std::string model;
  std::string model_name;      // what clients call it; empty: as its files say
  std::string lookahead_file;  // empty: method `pass` is refused
  std::string listen = "127.0.0.1:50051";
  std::string metrics_listen = "127.0.0.1:9090";
  std::string dtype = "bf16";
  std::string weights;  // empty: in dtype
  std::string device = "cpu";
  int threads = 0;           // 0: one per core
  int64_t kv_cache_mib = 0;  // 0: 1024; on a GPU most of what is free there
  int max_sequences = 16;
  int max_queue = 64;
  int prefill_chunk = 128;      // prompt rows of one forward
  std::string method = "auto";  // of requests that name none, as the next two
  int lookahead = -1;           // -1: all that are loaded
  int max_rows = 32;            // of one request in a forward of `tree` and `auto`
  int32_t context_length = 0;   // 0: the model's own
  int max_message_mib = 4;
  int64_t max_prompt_bytes = int64_t{1} << 20;
  int outbox_tokens = 256;
  absl::Duration slow_reader_timeout = absl::Seconds(30);
  absl::Duration drain_timeout = absl::Seconds(90);
  bool reflection = false;
  std::string ready_file;
  double control_arm = 0.01;  // share of the forwards of `auto` that decode plain for comparison
  bool vllm_metrics = false;  // series under vLLM's names too
  std::string log_format = "text";
  std::string log_level = "info";

  // The first setting that is out of range, by its flag.
  absl::Status Validate() const;
};

// Fills `config`. Set: the process should end now with this code, because help or the version was asked for
// (0) or the command line is wrong (1, said in one line on stderr).
// `build`: what --version says besides.
std::optional<int> ParseCommandLine(int argc, const char* const* argv, ServerConfig* config,
                                    const std::string& build = "");

// One log line with every setting.
void LogConfig(const ServerConfig& config);

// What --version prints after the name.
std::string ServerVersion();

}  // namespace pass
