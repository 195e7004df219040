// The settings by name. One entry reads a setting from wherever it is given: a flag (--max-queue), an
// environment variable (PASS_MAX_QUEUE) or a line of a file (max-queue = 3); a flag wins over the
// environment, and that over the file. Whatever cannot be meant is refused in one line that says where it
// stands, what is wrong and what to write.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace CLI {
class App;
}

namespace pass {

class Flags {
 public:
  // `value` is borrowed and holds the default.
  void Add(const std::string& name, std::string* value, const std::string& help);
  void Add(const std::string& name, int* value, const std::string& help);
  void Add(const std::string& name, int64_t* value, const std::string& help);
  void Add(const std::string& name, double* value, const std::string& help);
  void Add(const std::string& name, bool* value, const std::string& help);
  void Add(const std::string& name, absl::Duration* value, const std::string& help);

  // Reads all three places. `environment`: "NAME=value" each, ended by nullptr. Throws CLI::Success where
  // help or the version is asked for. INVALID_ARGUMENT, NOT_FOUND: the first thing that is wrong.
  absl::Status Read(CLI::App* app, int argc, const char* const* argv, const char* const* environment);

  // Where the setting of "--name" stands: the flag itself, "PASS_NAME", or "file:line: name".
  std::string OriginOf(const std::string& flag) const;

 private:
  // What is wrong with a text as a value ("must be ..."), or nothing.
  using Setter = std::function<std::string(const std::string& text)>;

  struct Entry {
    std::string name;
    std::string help;
    std::string type;  // empty: a switch, which needs no value on the command line
    std::string default_text;
    Setter set;
  };

  // A setting that is given somewhere.
  struct Given {
    std::string name;
    std::string text;
    std::string origin;
  };

  void AddEntry(const std::string& name, const std::string& help, std::string type, std::string default_text,
                Setter set);
  const Entry* Find(std::string_view name) const;
  std::vector<std::string> Names() const;
  std::string DidYouMean(std::string_view given, std::string_view before) const;

  absl::StatusOr<std::vector<std::string>> CheckedArguments(int argc, const char* const* argv) const;
  absl::StatusOr<std::vector<Given>> FromArguments(CLI::App* app, int argc, const char* const* argv,
                                                   std::string* config_file) const;
  absl::StatusOr<std::vector<Given>> FromEnvironment(const char* const* environment,
                                                     std::string* config_file) const;
  absl::StatusOr<std::vector<Given>> FromFile(const std::string& path) const;
  absl::Status Apply(const std::vector<Given>& settings);

  std::vector<Entry> entries_;
  std::map<std::string, std::string> origins_;  // by name
};

}  // namespace pass
