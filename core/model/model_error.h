// From what LibTorch throws to a status of one line, for the edges of core/model.
#pragma once

#include <exception>
#include <string_view>

#include "absl/status/status.h"

namespace pass {

// UNAVAILABLE: the device is lost, and whatever this process asks of it next fails too. RESOURCE_EXHAUSTED: its memory is.
// INTERNAL: anything else. `what` stands before the first line of what the exception says.
absl::Status ModelError(std::string_view what, const std::exception& error);

}  // namespace pass
