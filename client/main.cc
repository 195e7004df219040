#include <unistd.h>

#include <iostream>

#include "client/commands.h"

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  std::cin.tie(nullptr);
  pass::Console console{.in = std::cin,
                        .out = std::cout,
                        .err = std::cerr,
                        .in_is_terminal = isatty(STDIN_FILENO) == 1,
                        .out_is_terminal = isatty(STDOUT_FILENO) == 1};
  return pass::RunClient(argc, argv, console);
}
