#include "client/flags.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <type_traits>

#include "nlohmann/json.hpp"

namespace pass {
namespace {

// An option that stays unset when it is not given. CLI11 takes an empty argument for unset or 0, which would
// hide a mistake in a script, and wraps negative numbers into unsigned ones.
template <typename T>
CLI::Option* AddOptional(CLI::App* command, const std::string& name, std::optional<T>* value,
                         const std::string& what) {
  CLI::Option* option = command->add_option_function<T>(
      name, [value](const T& given) { *value = given; }, what);
  if constexpr (std::is_arithmetic_v<T>) {
    option->check([](const std::string& text) { return text.empty() ? "empty" : ""; }, "");
  }
  if constexpr (std::is_unsigned_v<T>) {
    option->check([](const std::string& text) { return text.starts_with('-') ? "negative" : ""; }, "");
  }
  return option;
}

}  // namespace

void ConnectionFlags::AddTo(CLI::App* command) {
  command->add_option("--address", address, "Server, host:port")
      ->envname("PASS_ADDRESS")
      ->capture_default_str();
  AddOptional(command, "--timeout", &timeout_seconds, "Deadline of a call in seconds (default: none)")
      ->check(
          [](const std::string& text) { return std::strtod(text.c_str(), nullptr) > 0 ? "" : "not above 0"; },
          "");
}

void PromptFlags::AddTo(CLI::App* command, bool required) {
  CLI::Option_group* group = command->add_option_group("prompt");
  AddOptional(group, "--prompt", &prompt, "Prompt text; - reads standard input");
  AddOptional(group, "--prompt-file", &file,
              "File that holds the prompt, taken byte by byte; - reads standard input");
  group->require_option(required ? 1 : 0, 1);
}

std::string PromptFlags::Read(Console& console) const {
  std::string text;
  if (prompt == "-" || file == "-") {
    text.assign(std::istreambuf_iterator<char>(console.in), {});
  } else if (file.has_value()) {
    std::ifstream stream(*file, std::ios::binary);
    if (!stream || std::filesystem::is_directory(*file)) {
      throw CLI::ValidationError("--prompt-file", "cannot read " + *file);
    }
    text.assign(std::istreambuf_iterator<char>(stream), {});
  } else {
    text = prompt.value_or("");
  }
  RequireUtf8(file.has_value() ? "--prompt-file" : "--prompt", text);
  return text;
}

void GenerationFlags::AddTo(CLI::App* command) {
  AddOptional(command, "--max-tokens", &max_tokens, "Most tokens to generate (default 256)");
  AddOptional(command, "--temperature", &temperature, "0 is greedy (default 1)");
  AddOptional(command, "--top-k", &top_k, "Keep the K likeliest tokens (default 0: off)");
  AddOptional(command, "--top-p", &top_p, "Keep the likeliest tokens that sum to P (default 1: off)");
  AddOptional(command, "--min-p", &min_p, "Drop tokens below M times the likeliest (default 0: off)");
  AddOptional(command, "--seed", &seed, "Same seed, same output (default: drawn by the server)");
  command->add_option("--stop", stop, "Strings that end the text")->allow_extra_args();
  command->add_option("--stop-id", stop_ids, "Token ids that end the text")->allow_extra_args();
  command->add_flag("--include-stop", include_stop, "Keep the matched stop string in the text");
  command->add_flag("--ignore-eos", ignore_eos, "Go on after the model's end-of-sequence token");
  AddOptional(command, "--method", &method, "Decoding: auto, plain, pass or tree (default: the server's)");
  AddOptional(command, "--lookahead", &lookahead,
              "Look-ahead tokens of pass, longest group of tree and auto (default: the server's)");
  AddOptional(command, "--max-rows", &max_rows,
              "Most rows in a forward of tree and auto (default: the server's)");
  AddOptional(command, "--model", &model, "Refuse any other model than this one");
  AddOptional(command, "--request-id", &request_id, "Name of the request in the server's log");
}

v1::GenerateRequest GenerationFlags::ToRequest() const {
  v1::GenerateRequest request;
  if (model.has_value()) {
    RequireUtf8("--model", *model);
    request.set_model(*model);
  }
  if (request_id.has_value()) {
    RequireUtf8("--request-id", *request_id);
    request.set_request_id(*request_id);
  }
  v1::Sampling* sampling = request.mutable_sampling();
  if (temperature.has_value()) sampling->set_temperature(*temperature);
  if (top_k.has_value()) sampling->set_top_k(*top_k);
  if (top_p.has_value()) sampling->set_top_p(*top_p);
  if (min_p.has_value()) sampling->set_min_p(*min_p);
  if (seed.has_value()) sampling->set_seed(*seed);
  v1::Stopping* stopping = request.mutable_stopping();
  if (max_tokens.has_value()) stopping->set_max_tokens(*max_tokens);
  for (const std::string& text : stop) {
    RequireUtf8("--stop", text);
    stopping->add_stop(text);
  }
  for (const int32_t id : stop_ids) stopping->add_stop_ids(id);
  if (include_stop) stopping->set_include_stop(true);
  if (ignore_eos) stopping->set_ignore_eos(true);
  if (method.has_value()) {
    RequireUtf8("--method", *method);
    request.mutable_speculation()->set_method(*method);
  }
  if (lookahead.has_value()) request.mutable_speculation()->set_lookahead(*lookahead);
  if (max_rows.has_value()) request.mutable_speculation()->set_max_rows(*max_rows);
  return request;
}

void OutputFlags::AddTo(CLI::App* command) {
  CLI::Option* json_flag =
      command->add_flag("--json", json, "One JSON object a message, then a summary object");
  command
      ->add_flag("--show-runs", show_runs,
                 "Mark accepted drafts: highlighted on a terminal, else in [brackets]")
      ->excludes(json_flag);
  command->add_flag("--quiet", quiet, "No summary on standard error");
  AddColorFlag(command, &color);
}

bool OutputFlags::UseColor(const Console& console) const { return pass::UseColor(color, console); }

void AddColorFlag(CLI::App* command, std::string* color) {
  command->add_option("--color", *color, "auto, always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str();
}

bool UseColor(const std::string& color, const Console& console) {
  if (color != "auto") {
    return color == "always";
  }
  const char* terminal = std::getenv("TERM");
  return console.out_is_terminal && std::getenv("NO_COLOR") == nullptr && terminal != nullptr &&
         std::string_view(terminal) != "dumb";
}

void RequireUtf8(const std::string& flag, const std::string& text) {
  try {
    nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    throw CLI::ValidationError(flag, "the text is not valid UTF-8");
  }
}

}  // namespace pass
