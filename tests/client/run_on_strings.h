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

// `out`: where standard output goes.
inline ClientRun RunInto(std::ostream& out, const std::vector<std::string>& arguments,
                         const std::string& input = "", bool terminal = false) {
  std::istringstream in(input);
  std::ostringstream err;
  Console console{in, out, err, /*in_is_terminal=*/terminal, /*out_is_terminal=*/terminal};
  std::vector<const char*> argv{"pass-client"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  const int code = RunClient(static_cast<int>(argv.size()), argv.data(), console);
  return {code, "", err.str()};
}

inline ClientRun RunOnStrings(const std::vector<std::string>& arguments, const std::string& input = "",
                              bool terminal = false) {
  std::ostringstream out;
  ClientRun run = RunInto(out, arguments, input, terminal);
  run.out = out.str();
  return run;
}

}  // namespace pass
