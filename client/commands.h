// The subcommands of pass-client. Each returns an exit code (console.h); an RPC error goes to `err` with its
// code and message. Wrong usage that only shows when a prompt is read is thrown as CLI::ValidationError.
#pragma once

#include <optional>
#include <string>

#include "client/console.h"
#include "client/flags.h"
#include "client/report.h"

namespace pass {

struct GenerateCommand {
  ConnectionFlags connection;
  PromptFlags prompt;
  GenerationFlags generation;
  OutputFlags output;

  void AddTo(CLI::App* command);
  int Run(Console& console) const;
};

// A conversation: each line of input is a turn. With a prompt, that turn alone.
struct ChatCommand {
  ConnectionFlags connection;
  PromptFlags prompt;
  std::optional<std::string> system;
  GenerationFlags generation;
  OutputFlags output;

  void AddTo(CLI::App* command);
  int Run(Console& console) const;
};

struct TokenizeCommand {
  ConnectionFlags connection;
  PromptFlags prompt;
  std::optional<bool> add_bos;
  bool parse_control = false;
  bool json = false;

  void AddTo(CLI::App* command);
  int Run(Console& console) const;
};

struct HealthCommand {
  ConnectionFlags connection;
  std::string service = "pass_server.v1.PassService";

  void AddTo(CLI::App* command);
  int Run(Console& console) const;
};

struct InfoCommand {
  ConnectionFlags connection;
  bool json = false;

  void AddTo(CLI::App* command);
  int Run(Console& console) const;
};

// Plain decoding, Algorithm 1 and the default beside each other on eight prompts: see demo.cc.
struct DemoCommand {
  ConnectionFlags connection;
  int max_tokens = 48;
  std::string color = "auto";

  void AddTo(CLI::App* command);
  int Run(Console& console) const;
};

// Streams one completion to the console as `output` says, and gathers it. Used by generate, chat and demo.
CallStatus StreamCompletion(const PassClient& client, const v1::GenerateRequest& request,
                            const CallOptions& options, const OutputFlags& output, Console& console,
                            Completion* completion);

// Writes "error: CODE: message" and returns the exit code. Silent when standard output takes no more.
int ReportError(const CallStatus& status, Console& console);

// The whole program: parses, runs, and turns wrong usage into exit code 2, and output that could not be written
// into a message with its cause and exit code 1.
int RunClient(int argc, const char* const* argv, Console& console);

}  // namespace pass
