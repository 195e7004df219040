#include <string>

#include "client/commands.h"

namespace pass {
namespace {

void AddMessage(const std::string& role, const std::string& content, v1::Chat* chat) {
  v1::ChatMessage* message = chat->add_messages();
  message->set_role(role);
  message->set_content(content);
}

// Asks and, if all went well, keeps question and answer in the request's history.
int Turn(const ChatCommand& command, const PassClient& client, const std::string& text,
         v1::GenerateRequest* request, Console& console) {
  AddMessage("user", text, request->mutable_chat());
  Completion completion;
  const CallStatus status = StreamCompletion(client, *request, command.connection.call_options(),
                                             command.output, console, &completion);
  if (!status.ok()) {
    request->mutable_chat()->mutable_messages()->RemoveLast();
    return ReportError(status, console);
  }
  AddMessage("assistant", completion.text, request->mutable_chat());
  return kExitOk;
}

}  // namespace

void ChatCommand::AddTo(CLI::App* command) {
  connection.AddTo(command);
  prompt.AddTo(command, /*required=*/false);
  command->add_option_function<std::string>(
      "--system", [this](const std::string& given) { system = given; }, "System message");
  generation.AddTo(command);
  output.AddTo(command);
}

int ChatCommand::Run(Console& console) const {
  v1::GenerateRequest request = generation.ToRequest();
  if (system.has_value()) {
    RequireUtf8("--system", *system);
    AddMessage("system", *system, request.mutable_chat());
  }
  const PassClient client(connection.address);
  if (prompt.given()) {
    return Turn(*this, client, prompt.Read(console), &request, console);
  }
  const bool interactive = console.in_is_terminal && console.out_is_terminal;
  if (interactive) {
    console.out << "One line, one turn. /clear forgets the conversation, /quit or Ctrl-D ends it.\n";
  }
  const auto first_turn = request.chat().messages_size();
  std::string line;
  while ((interactive && console.out << "> " << std::flush), std::getline(console.in, line)) {
    if (line == "/quit") {
      break;
    }
    if (line == "/clear") {
      while (request.chat().messages_size() > first_turn) {
        request.mutable_chat()->mutable_messages()->RemoveLast();
      }
      continue;
    }
    if (line.empty()) {
      continue;
    }
    try {
      RequireUtf8("input", line);
    } catch (const CLI::ValidationError& error) {
      if (!interactive) throw;
      console.err << "error: " << error.what() << "; the line was not sent\n";
      continue;
    }
    const int code = Turn(*this, client, line, &request, console);
    if (code != kExitOk && (!interactive || !console.out.good())) {
      return code;  // a person may try again, a script must know
    }
    if (!output.json && !console.out_is_terminal) {
      console.out << '\n';  // between answers
      console.Flush();
    }
  }
  if (interactive) {
    console.out << '\n';
  }
  return kExitOk;
}

}  // namespace pass
