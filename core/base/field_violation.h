#pragma once

#include <string>

namespace pass {

// One thing that is wrong with a request. `field` is the name in the public API ("sampling.top_p"),
// `description` says what would be right. A validator returns all of them, not the first.
struct FieldViolation {
  std::string field;
  std::string description;

  bool operator==(const FieldViolation&) const = default;
};

}  // namespace pass
