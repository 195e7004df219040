#define PCRE2_CODE_UNIT_WIDTH 8
#include "core/text/regular_expression.h"

#include <pcre2.h>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace pass {
namespace {

std::string ErrorText(int code) {
  PCRE2_UCHAR text[128] = {};
  pcre2_get_error_message(code, text, sizeof(text));
  return absl::StrCat("PCRE2 error ", code, ": ", reinterpret_cast<char*>(text));
}

struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

}  // namespace

struct RegularExpression::Compiled {
  pcre2_code* code = nullptr;
  pcre2_match_context* context = nullptr;

  ~Compiled() {
    pcre2_match_context_free(context);
    pcre2_code_free(code);
  }
};

absl::StatusOr<RegularExpression> RegularExpression::Create(std::string_view expression) {
  PASS_ASSIGN_OR_RETURN(const std::string translated, TranslateExpression(expression));
  int error = 0;
  PCRE2_SIZE error_offset = 0;
  auto compiled = std::make_shared<Compiled>();
  compiled->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                                 PCRE2_UTF | PCRE2_UCP, &error, &error_offset, nullptr);
  if (compiled->code == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the expression '", std::string(expression), "' is not understood: ", ErrorText(error)));
  }
  // Where machine code cannot be made or run, the interpreter gives the same matches, slower.
  pcre2_jit_compile(compiled->code, PCRE2_JIT_COMPLETE);
  compiled->context = pcre2_match_context_create(nullptr);
  if (compiled->context == nullptr) return absl::ResourceExhaustedError("pre-tokenizer: out of memory");
  // A match tries each position of a run of white space once, however long the run is; the limit, meant for
  // expressions that backtrack without end, would only stop long runs.
  pcre2_set_match_limit(compiled->context, UINT32_MAX);
  return RegularExpression(std::move(compiled));
}

absl::Status RegularExpression::FindAll(std::string_view text,
                                        absl::FunctionRef<void(size_t, size_t)> take) const {
  const std::unique_ptr<pcre2_match_data, FreeMatchData> match(pcre2_match_data_create(1, nullptr));
  if (match == nullptr) return absl::InternalError("pre-tokenizer: out of memory");
  const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(match.get());
  size_t begin = 0;
  while (begin < text.size()) {
    const int count =
        pcre2_match(compiled_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), begin,
                    PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY, match.get(), compiled_->context);
    if (count == PCRE2_ERROR_NOMATCH) break;
    if (count < 0) return absl::InternalError(absl::StrCat("pre-tokenizer: ", ErrorText(count)));
    take(bounds[0], bounds[1] - bounds[0]);
    begin = bounds[1];
  }
  return absl::OkStatus();
}

}  // namespace pass
