#include "server/flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/base/status_macros.h"
#include "server/config_file.h"
#include "server/nearest_name.h"

namespace pass {
namespace {

constexpr char kConfig[] = "config";
constexpr std::string_view kPrefix = "PASS_";

// Names that a person may write for "max-queue": max_queue, --max-queue, PASS_MAX_QUEUE.
std::string PlainName(std::string_view given) {
  std::string name = absl::StrReplaceAll(absl::AsciiStrToLower(std::string(given)), {{"_", "-"}, {".", "-"}});
  name.erase(0, std::min(name.find_first_not_of('-'), name.size()));
  if (name.starts_with("pass-")) name.erase(0, kPrefix.size());
  return name;
}

std::string EnvironmentName(std::string_view name) {
  return absl::StrCat("PASS_", absl::AsciiStrToUpper(absl::StrReplaceAll(std::string(name), {{"-", "_"}})));
}

std::string Shown(const std::string& text) { return absl::StrCat("\"", absl::CHexEscape(text), "\""); }

std::string NotOf(const char* kind, const std::string& text) {
  return text.empty() ? absl::StrCat("has no value: it must be ", kind)
                      : absl::StrCat("must be ", kind, ", not ", Shown(text));
}

template <typename Integer>
std::string ReadInteger(const std::string& text, Integer* value) {
  int64_t parsed = 0;
  if (!absl::SimpleAtoi(text, &parsed)) return NotOf("a whole number", text);
  if (!std::in_range<Integer>(parsed)) {
    return NotOf(parsed < 0 ? "a larger number" : "a smaller number", text);
  }
  *value = static_cast<Integer>(parsed);
  return "";
}

std::string ReadSwitch(const std::string& text, bool* value) {
  return absl::SimpleAtob(absl::AsciiStrToLower(text), value) ? "" : NotOf("true or false", text);
}

// "30", "1.5" (seconds), "500ms", "2m".
std::string ReadDuration(const std::string& text, absl::Duration* value) {
  double seconds = 0;
  absl::Duration parsed = absl::InfiniteDuration();
  if (absl::SimpleAtod(text, &seconds)) {
    if (std::isfinite(seconds)) parsed = absl::Seconds(seconds);
  } else if (!absl::ParseDuration(text, &parsed)) {
    parsed = absl::InfiniteDuration();
  }
  if (parsed == absl::InfiniteDuration() || parsed == -absl::InfiniteDuration()) {
    return NotOf("seconds, or a time with its unit such as 500ms or 2m", text);
  }
  *value = parsed;
  return "";
}

bool IsFlag(std::string_view argument) { return argument.starts_with("--") && argument.size() > 2; }

}  // namespace

void Flags::AddEntry(const std::string& name, const std::string& help, std::string type,
                     std::string default_text, Setter set) {
  entries_.push_back({name, help, std::move(type), std::move(default_text), std::move(set)});
}

void Flags::Add(const std::string& name, std::string* value, const std::string& help) {
  AddEntry(name, help, "TEXT", *value, [value](const std::string& text) {
    *value = text;
    return std::string(text.find('\0') == std::string::npos ? "" : "holds a zero byte");
  });
}

void Flags::Add(const std::string& name, int* value, const std::string& help) {
  AddEntry(name, help, "INT", absl::StrCat(*value),
           [value](const std::string& text) { return ReadInteger(text, value); });
}

void Flags::Add(const std::string& name, int64_t* value, const std::string& help) {
  AddEntry(name, help, "INT", absl::StrCat(*value),
           [value](const std::string& text) { return ReadInteger(text, value); });
}

void Flags::Add(const std::string& name, double* value, const std::string& help) {
  AddEntry(name, help, "NUMBER", absl::StrCat(*value), [value](const std::string& text) {
    double read = 0;
    if (!absl::SimpleAtod(text, &read) || !std::isfinite(read)) return NotOf("a number", text);
    *value = read;
    return std::string();
  });
}

void Flags::Add(const std::string& name, bool* value, const std::string& help) {
  AddEntry(name, help, "", "", [value](const std::string& text) { return ReadSwitch(text, value); });
}

void Flags::Add(const std::string& name, absl::Duration* value, const std::string& help) {
  AddEntry(name, help, "SECONDS", absl::StrCat(absl::ToDoubleSeconds(*value)),
           [value](const std::string& text) { return ReadDuration(text, value); });
}

const Flags::Entry* Flags::Find(std::string_view name) const {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.name == name; });
  return found == entries_.end() ? nullptr : &*found;
}

std::vector<std::string> Flags::Names() const {
  std::vector<std::string> names;
  for (const Entry& entry : entries_) names.push_back(entry.name);
  return names;
}

std::string Flags::DidYouMean(std::string_view given, std::string_view before) const {
  const std::string name = PlainName(given);
  const std::string nearest = NearestName(name, Names(), std::max(2, static_cast<int>(name.size()) / 2));
  if (nearest.empty()) return "; --help lists what there is";
  return absl::StrCat("; did you mean ", std::string(before), nearest, "?");
}

// The arguments as CLI11 takes them, once it is sure that it takes them as they are meant: it would take the
// next flag as the value of one that has none.
absl::StatusOr<std::vector<std::string>> Flags::CheckedArguments(int argc, const char* const* argv) const {
  std::vector<std::string> checked;
  bool value_follows = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::string name = IsFlag(argument) ? argument.substr(2, argument.find('=') - 2) : "";
    const Entry* const entry = Find(name);
    const bool known = entry != nullptr || name == kConfig || name == "help" || name == "version";
    if (value_follows && known) {
      return absl::InvalidArgumentError(absl::StrCat(checked.back(), " needs a value, and ", argument,
                                                     " follows it; write ", checked.back(), "=VALUE"));
    }
    if (std::exchange(value_follows, false) || argument == "-h") {
      checked.push_back(argument);
      continue;
    }
    if (IsFlag(argument) && !known) {
      return absl::InvalidArgumentError(
          absl::StrCat("there is no flag --", absl::CHexEscape(name), DidYouMean(name, "--")));
    }
    if (!known) {
      const bool dash = argument.starts_with("-") && argument.size() > 1;
      return absl::InvalidArgumentError(
          absl::StrCat(Shown(argument), " is no flag",
                       dash ? DidYouMean(argument.substr(0, argument.find('=')), "--")
                            : "; a model is given as --model PATH, other values stand after their flags"));
    }
    const size_t equals = argument.find('=');
    if (entry != nullptr && entry->type.empty() && equals + 1 == argument.size()) {
      return absl::InvalidArgumentError(absl::StrCat("--", name, " ", NotOf("true or false", "")));
    }
    const bool takes_value = name == kConfig || (entry != nullptr && !entry->type.empty());
    if (takes_value &&
        equals + 1 == argument.size()) {  // --name= : the empty text, which CLI11 would not take
      checked.push_back(argument.substr(0, equals));
      checked.emplace_back();
      continue;
    }
    checked.push_back(argument);
    value_follows = takes_value && equals == std::string::npos;
  }
  if (value_follows) return absl::InvalidArgumentError(absl::StrCat(checked.back(), " needs a value"));
  return checked;
}

absl::StatusOr<std::vector<Flags::Given>> Flags::FromArguments(CLI::App* app, int argc,
                                                               const char* const* argv,
                                                               std::string* config_file) const {
  PASS_ASSIGN_OR_RETURN(std::vector<std::string> arguments, CheckedArguments(argc, argv));
  std::vector<Given> given;
  for (const Entry& entry : entries_) {
    const std::string flag = absl::StrCat("--", entry.name);
    const auto keep = [&given, &entry, flag](const CLI::results_t& results) {
      const bool bare = entry.type.empty() && (results.empty() || results.back().empty());
      given.push_back({entry.name, bare ? "true" : results.back(), flag});
      return true;
    };
    CLI::Option* const option = app->add_option(flag, keep, entry.help);
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    if (entry.type.empty()) {
      option->expected(0, 1)->type_name("")->default_str("");
    } else {
      option->type_name(entry.type)->default_str(entry.default_text);
    }
  }
  app->add_option("--config", *config_file, "file of key = value lines, the keys as above")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
      ->type_name("TEXT");
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  app->parse(arguments);
  return given;
}

absl::StatusOr<std::vector<Flags::Given>> Flags::FromEnvironment(const char* const* environment,
                                                                 std::string* config_file) const {
  std::vector<std::string> variables = {EnvironmentName(kConfig)};
  for (const Entry& entry : entries_) variables.push_back(EnvironmentName(entry.name));
  std::vector<Given> given;
  for (; *environment != nullptr; ++environment) {
    const std::string_view variable = *environment;
    const size_t equals = std::min(variable.find('='), variable.size());
    const std::string name(variable.substr(0, equals));
    const std::string text(variable.substr(std::min(equals + 1, variable.size())));
    if (!name.starts_with(kPrefix) || text.empty()) continue;  // an empty variable is as one that is not set
    if (name == variables.front()) {
      if (config_file->empty()) *config_file = text;
      continue;
    }
    if (const auto found = std::find(variables.begin(), variables.end(), name); found != variables.end()) {
      const size_t index = static_cast<size_t>(found - variables.begin()) - 1;
      given.push_back({entries_[index].name, text, name});
      continue;
    }
    // Others may use the prefix: Kubernetes does, for a service called "pass". So only what is hardly by
    // chance.
    const int most = std::min<int>(2, static_cast<int>(name.size() - kPrefix.size()) / 4);
    const std::string nearest = NearestName(name, variables, most);
    if (!nearest.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("the environment variable ", absl::CHexEscape(name),
                                                     " is no setting; did you mean ", nearest,
                                                     "? (unset it if not)"));
    }
  }
  return given;
}

absl::StatusOr<std::vector<Flags::Given>> Flags::FromFile(const std::string& path) const {
  std::vector<Given> given;
  if (path.empty()) return given;
  PASS_ASSIGN_OR_RETURN(const std::vector<ConfigLine> lines, ReadConfigFile(path));
  for (const ConfigLine& line : lines) {
    const std::string place = absl::StrCat(path, ":", line.number, ": ");
    if (line.key == kConfig) {
      return absl::InvalidArgumentError(absl::StrCat(place, "a file cannot name another; remove the line"));
    }
    if (Find(line.key) == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat(place, "there is no key ", line.key, DidYouMean(line.key, "")));
    }
    given.push_back({line.key, line.value, absl::StrCat(place, line.key)});
  }
  return given;
}

absl::Status Flags::Apply(const std::vector<Given>& settings) {
  for (const Given& given : settings) {
    const std::string fault = Find(given.name)->set(given.text);
    if (!fault.empty()) return absl::InvalidArgumentError(absl::StrCat(given.origin, " ", fault));
    origins_[given.name] = given.origin;
  }
  return absl::OkStatus();
}

absl::Status Flags::Read(CLI::App* app, int argc, const char* const* argv, const char* const* environment) {
  std::string config_file;
  PASS_ASSIGN_OR_RETURN(const std::vector<Given> arguments, FromArguments(app, argc, argv, &config_file));
  PASS_ASSIGN_OR_RETURN(const std::vector<Given> variables, FromEnvironment(environment, &config_file));
  PASS_ASSIGN_OR_RETURN(const std::vector<Given> lines, FromFile(config_file));
  PASS_RETURN_IF_ERROR(Apply(lines));
  PASS_RETURN_IF_ERROR(Apply(variables));
  return Apply(arguments);
}

std::string Flags::OriginOf(const std::string& flag) const {
  const auto found = origins_.find(flag.substr(std::min<size_t>(2, flag.size())));
  return found == origins_.end() ? flag : found->second;
}

}  // namespace pass
