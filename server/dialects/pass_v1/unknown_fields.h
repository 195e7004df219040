// Fields of a message that this server does not know: an option of a newer client must not be lost in silence.
#pragma once

#include <google/protobuf/message.h>

#include <string>

#include "server/status_conversion.h"

namespace pass::pass_v1 {

// Adds a violation for each, at any depth, by its number. `path`: of the message itself, empty for a whole request.
void RefuseUnknownFields(const google::protobuf::Message& message, const std::string& path,
                         Violations* violations);

}  // namespace pass::pass_v1
