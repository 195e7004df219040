// PASS_CHECK: ends the process on a broken invariant of our own code. Never for input.
#pragma once

#include <cstdio>
#include <cstdlib>

#define PASS_CHECK(condition)                                                                \
  do {                                                                                       \
    if (!(condition)) {                                                                      \
      std::fprintf(stderr, "%s:%d: broken invariant: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
