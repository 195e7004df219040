#include <cstring>
#include <string>

#include "client/commands.h"

namespace pass {
namespace {

template <typename Command>
CLI::App* AddCommand(CLI::App& app, const std::string& name, const std::string& what, Command* command) {
  CLI::App* subcommand = app.add_subcommand(name, what);
  command->AddTo(subcommand);
  return subcommand;
}

int Usage(const std::string& message, Console& console) {
  console.err << "usage: " << message << "\nRun pass-client --help, or a subcommand with --help.\n";
  return kExitUsage;
}

// Parses and runs.
int RunCommand(int argc, const char* const* argv, Console& console) {
  CLI::App app("Client of pass-server: completions with plain decoding and parallel speculative sampling.",
               "pass-client");
  app.require_subcommand(1);
  app.set_version_flag("--version", "pass-client " PASS_VERSION);
  GenerateCommand generate;
  ChatCommand chat;
  TokenizeCommand tokenize;
  HealthCommand health;
  InfoCommand info;
  DemoCommand demo;
  const CLI::App* generate_command = AddCommand(app, "generate", "Complete a prompt", &generate);
  const CLI::App* chat_command = AddCommand(app, "chat", "Converse", &chat);
  const CLI::App* tokenize_command = AddCommand(app, "tokenize", "Show a text's token ids", &tokenize);
  const CLI::App* health_command = AddCommand(app, "health", "Exit 0 when the server serves", &health);
  const CLI::App* info_command = AddCommand(app, "info", "Show the loaded model", &info);
  const CLI::App* demo_command =
      AddCommand(app, "demo", "Plain decoding, PaSS and the default side by side", &demo);
  try {
    app.parse(argc, argv);
    if (generate_command->parsed()) return generate.Run(console);
    if (chat_command->parsed()) return chat.Run(console);
    if (tokenize_command->parsed()) return tokenize.Run(console);
    if (health_command->parsed()) return health.Run(console);
    if (info_command->parsed()) return info.Run(console);
    if (demo_command->parsed()) return demo.Run(console);
  } catch (const CLI::CallForHelp&) {
    const auto parsed = app.get_subcommands();
    console.out << (parsed.empty() ? app.help() : parsed.front()->help());
    return kExitOk;
  } catch (const CLI::CallForVersion& version) {
    console.out << version.what() << '\n';
    return kExitOk;
  } catch (const CLI::ParseError& error) {
    return Usage(error.what(), console);
  }
  return kExitUsage;
}

}  // namespace

int RunClient(int argc, const char* const* argv, Console& console) {
  const int code = RunCommand(argc, argv, console);
  if (console.Flush()) return code;
  console.err << "error: cannot write to standard output";
  if (console.write_error != 0) console.err << ": " << std::strerror(console.write_error);
  console.err << '\n';
  return kExitFailed;
}

}  // namespace pass
