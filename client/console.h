// The three streams of a command and what is known about them, so that tests run commands on strings.
#pragma once

#include <cerrno>
#include <istream>
#include <ostream>

namespace pass {

struct Console {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool in_is_terminal = false;
  bool out_is_terminal = false;  // colours by default, and control characters as marks
  int write_error = 0;           // errno of the first write to `out` that Flush() saw fail

  // False when `out` takes no more: the disk is full, or nobody reads any more.
  bool Flush() {
    if (out.good()) errno = 0;
    out.flush();
    if (!out.good() && write_error == 0) write_error = errno;
    return out.good();
  }
};

// Exit codes of pass-client.
inline constexpr int kExitOk = 0;
// The server refused, failed, is not reachable or not serving; or standard output takes no more.
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

}  // namespace pass
