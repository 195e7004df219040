// Command-line flags that several subcommands share, and the request that they make.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "client/console.h"
#include "client/pass_client.h"

namespace pass {

struct ConnectionFlags {
  std::string address = "127.0.0.1:50051";
  std::optional<double> timeout_seconds;

  void AddTo(CLI::App* command);
  CallOptions call_options() const { return {.timeout_seconds = timeout_seconds}; }
};

struct PromptFlags {
  std::optional<std::string> prompt;  // "-": standard input
  std::optional<std::string> file;    // "-": standard input

  // `required`: one of the two must be given.
  void AddTo(CLI::App* command, bool required);
  bool given() const { return prompt.has_value() || file.has_value(); }
  // The prompt's bytes, unchanged. Throws CLI::ValidationError when the file cannot be read or the text is
  // not UTF-8.
  std::string Read(Console& console) const;
};

// Options of Generate; unset ones stay unset in the request, so that the server's defaults hold.
struct GenerationFlags {
  std::optional<int32_t> max_tokens;
  std::optional<double> temperature;
  std::optional<int32_t> top_k;
  std::optional<double> top_p;
  std::optional<double> min_p;
  std::optional<uint64_t> seed;
  std::vector<std::string> stop;
  std::vector<int32_t> stop_ids;
  bool include_stop = false;
  bool ignore_eos = false;
  std::optional<std::string> method;
  std::optional<int32_t> max_rows;
  std::optional<int32_t> lookahead;
  std::optional<std::string> model;
  std::optional<std::string> request_id;

  void AddTo(CLI::App* command);
  // Everything but the prompt.
  v1::GenerateRequest ToRequest() const;
};

struct OutputFlags {
  bool json = false;
  bool show_runs = false;
  bool quiet = false;
  std::string color = "auto";

  void AddTo(CLI::App* command);
  bool UseColor(const Console& console) const;
};

// `--color`, for commands that have no other output flag.
void AddColorFlag(CLI::App* command, std::string* color);
bool UseColor(const std::string& color, const Console& console);

// gRPC strings are UTF-8; throws CLI::ValidationError that names `flag`.
void RequireUtf8(const std::string& flag, const std::string& text);

}  // namespace pass
