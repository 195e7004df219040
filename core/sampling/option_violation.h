#pragma once

#include <string>

namespace pass {

// One option that is out of range. `name` is the option's own name ("top_p"): each API that a request comes
// by adds the path that the option has there. `description` says what would be right.
struct OptionViolation {
  std::string name;
  std::string description;
};

}  // namespace pass
