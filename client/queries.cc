// The subcommands that ask one question: tokenize, health, info.
#include "absl/strings/str_join.h"
#include "client/commands.h"
#include "client/visible_text.h"
#include "nlohmann/json.hpp"

namespace pass {
namespace {

constexpr double kQuerySeconds = 30;  // without --timeout: a question has an answer soon or never

CallOptions QueryOptions(const ConnectionFlags& connection) {
  return {.timeout_seconds = connection.timeout_seconds.value_or(kQuerySeconds)};
}

std::string_view HealthText(PassClient::Health health) {
  switch (health) {
    case PassClient::Health::kServing:
      return "SERVING";
    case PassClient::Health::kNotServing:
      return "NOT_SERVING";
    case PassClient::Health::kServiceUnknown:
      return "SERVICE_UNKNOWN";
    case PassClient::Health::kUnknown:
      break;
  }
  return "UNKNOWN";
}

}  // namespace

void TokenizeCommand::AddTo(CLI::App* command) {
  connection.AddTo(command);
  prompt.AddTo(command, /*required=*/true);
  CLI::Option* add = command->add_flag_callback(
      "--add-bos", [this] { add_bos = true; },
      "Beginning-of-sequence token first (default: as the model wants it)");
  command
      ->add_flag_callback(
          "--no-bos", [this] { add_bos = false; }, "No beginning-of-sequence token")
      ->excludes(add);
  command->add_flag("--parse-control", parse_control, "Text that spells a control token becomes that token");
  command->add_flag("--json", json, "One JSON object");
}

int TokenizeCommand::Run(Console& console) const {
  v1::TokenizeRequest request;
  request.set_text(prompt.Read(console));
  if (add_bos.has_value()) request.set_add_bos(*add_bos);
  if (parse_control) request.set_parse_control(true);
  v1::TokenizeResponse response;
  const CallStatus status =
      PassClient(connection.address).Tokenize(request, QueryOptions(connection), &response);
  if (!status.ok()) {
    return ReportError(status, console);
  }
  if (json) {
    console.out << nlohmann::json{{"token_ids", response.token_ids()}}.dump() << '\n';
  } else {
    console.out << absl::StrJoin(response.token_ids(), " ") << '\n';
  }
  return kExitOk;
}

void HealthCommand::AddTo(CLI::App* command) {
  connection.AddTo(command);
  command->add_option("--service", service, "Health name; empty asks whether the process is alive")
      ->capture_default_str();
}

int HealthCommand::Run(Console& console) const {
  PassClient::Health health = PassClient::Health::kUnknown;
  const CallStatus status =
      PassClient(connection.address).CheckHealth(service, QueryOptions(connection), &health);
  if (!status.ok()) {
    return ReportError(status, console);
  }
  console.out << HealthText(health) << '\n';
  return health == PassClient::Health::kServing ? kExitOk : kExitFailed;
}

void InfoCommand::AddTo(CLI::App* command) {
  connection.AddTo(command);
  command->add_flag("--json", json, "One JSON object");
}

int InfoCommand::Run(Console& console) const {
  v1::GetModelInfoResponse info;
  const CallStatus status = PassClient(connection.address).GetModelInfo(QueryOptions(connection), &info);
  if (!status.ok()) {
    return ReportError(status, console);
  }
  nlohmann::ordered_json object;
  object["model"] = info.model();
  object["architecture"] = info.architecture();
  object["dtype"] = info.dtype();
  object["device"] = info.device();
  object["fingerprint"] = info.fingerprint();
  object["vocab_size"] = info.vocab_size();
  object["context_length"] = info.context_length();
  object["lookahead"] = info.lookahead();
  object["chat_format"] = info.chat_format();
  object["end_of_sequence_ids"] = info.end_of_sequence_ids();
  object["methods"] = info.methods();
  object["server_version"] = info.server_version();
  if (json) {
    console.out << object.dump() << '\n';
    return kExitOk;
  }
  for (const auto& [key, value] : object.items()) {
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    console.out << key << ": " << (console.out_is_terminal ? Visible(text) : text) << '\n';
  }
  return kExitOk;
}

}  // namespace pass
