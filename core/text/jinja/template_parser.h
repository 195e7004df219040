// The text of a Jinja template to statements.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/text/jinja/template_syntax.h"

namespace pass {

// INVALID_ARGUMENT names what is not Jinja, or is Jinja and not supported (include, call, import, raw, filter
// blocks).
absl::StatusOr<std::vector<TemplateStatement>> ParseTemplate(std::string_view text);

}  // namespace pass
