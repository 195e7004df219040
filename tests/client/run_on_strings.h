// Runs pass-client's subcommands in the test's process, on strings.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "client/commands.h"

namespace pass {

struct ClientRun {
  int code = -1;
  std::string out;
  std::string err;
};

inline ClientRun RunOnStrings(std::vector<std::string> arguments, const std::string& input = "",
                              bool terminal = false) {
  std::istringstream in(input);
  std::ostringstream out, err;
  Console console{in, out, err, /*in_is_terminal=*/terminal, /*out_is_terminal=*/terminal};
  std::vector<const char*> argv{"pass-client"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  const int code = RunClient(static_cast<int>(argv.size()), argv.data(), console);
  return {code, out.str(), err.str()};
}

}  // namespace pass
