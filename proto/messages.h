// The messages of proto/pass_server/v1 under the name that the C++ code has for them: pass::v1. The package cannot be
// called pass.v1 itself, because `pass` is a keyword of Python, whose generated stubs could not be imported.
#pragma once

#include "pass_server/v1/generation.pb.h"  // IWYU pragma: export

namespace pass {
namespace v1 = ::pass_server::v1;
}  // namespace pass
