// Early return on error for absl::Status and absl::StatusOr (Debian 12's Abseil has no such macros).
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define PASS_RETURN_IF_ERROR(expression)         \
  do {                                           \
    absl::Status pass_status_ = (expression);    \
    if (!pass_status_.ok()) return pass_status_; \
  } while (false)

#define PASS_CONCAT_INNER_(a, b) a##b
#define PASS_CONCAT_(a, b) PASS_CONCAT_INNER_(a, b)

// PASS_ASSIGN_OR_RETURN(Type name, expression);
#define PASS_ASSIGN_OR_RETURN(declaration, expression) \
  PASS_ASSIGN_OR_RETURN_(PASS_CONCAT_(pass_status_or_, __LINE__), declaration, expression)
#define PASS_ASSIGN_OR_RETURN_(result, declaration, expression) \
  auto result = (expression);                                   \
  if (!result.ok()) return std::move(result).status();          \
  declaration = *std::move(result)
