// A chat template in Jinja, as far as chats need the language. What it writes equals what Jinja writes, with the
// settings that `transformers` gives it, or it is refused with what is not supported. Every byte that it writes is
// marked as the template's own or as a message's. Immutable after creation and thread-safe.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/text/jinja/template_syntax.h"
#include "core/text/jinja/template_value.h"

namespace pass {

class JinjaTemplate {
 public:
  // FAILED_PRECONDITION, INVALID_ARGUMENT: what is not Jinja, or is not supported.
  static absl::StatusOr<JinjaTemplate> Parse(std::string_view text);

  // INVALID_ARGUMENT: the template raises an exception, with its words. FAILED_PRECONDITION: it does what is not
  // supported, or what Jinja refuses. RESOURCE_EXHAUSTED: it takes too many steps or writes too much.
  absl::StatusOr<MarkedText> Render(TemplateDict variables) const;

 private:
  explicit JinjaTemplate(std::vector<TemplateStatement> body)
      : body_(std::make_shared<const std::vector<TemplateStatement>>(std::move(body))) {}

  std::shared_ptr<const std::vector<TemplateStatement>> body_;
};

}  // namespace pass
