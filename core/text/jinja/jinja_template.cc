#include "core/text/jinja/jinja_template.h"

#include "core/base/status_macros.h"
#include "core/text/jinja/template_parser.h"
#include "core/text/jinja/template_renderer.h"

namespace pass {

absl::StatusOr<JinjaTemplate> JinjaTemplate::Parse(std::string_view text) {
  PASS_ASSIGN_OR_RETURN(std::vector<TemplateStatement> body, ParseTemplate(text));
  return JinjaTemplate(std::move(body));
}

absl::StatusOr<MarkedText> JinjaTemplate::Render(TemplateDict variables) const {
  return TemplateRenderer(body_.get(), std::move(variables)).Render();
}

}  // namespace pass
