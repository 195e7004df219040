// The three streams of a command and what is known about them, so that tests run commands on strings.
#pragma once

#include <istream>
#include <ostream>

namespace pass {

struct Console {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool in_is_terminal = false;
  bool out_is_terminal = false;  // colours by default
};

// Exit codes of pass-client.
inline constexpr int kExitOk = 0;
inline constexpr int kExitRpcError = 1;  // the server refused, failed, is not reachable or not serving
inline constexpr int kExitUsage = 2;

}  // namespace pass
