#define PCRE2_CODE_UNIT_WIDTH 8
#include "core/text/piece_splitter.h"

#include <pcre2.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace pass {
namespace {

// Unicode's White_Space, for use inside a class. PCRE2's \s differs from it (it has U+180E, for one).
#define PASS_SPACE \
  R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})"

// Possessive repeats (++) change no match: nothing follows them in their branch. They spare the backtracking
// states.
constexpr char kGpt2[] =
    "'s|'t|'re|'ve|'m|'ll|'d"
    R"(| ?\p{L}++| ?\p{N}++)"
    "| ?[^" PASS_SPACE R"(\p{L}\p{N}]++)"
    "|[" PASS_SPACE "]+(?![^" PASS_SPACE "])|[" PASS_SPACE "]++";

// Numbers one by one, then GPT-2's expression on what lies between them. There a number is the end of the
// text, so the look-ahead counts it as one.
constexpr char kSmolLm[] = R"(\p{N}|'s|'t|'re|'ve|'m|'ll|'d)"
                           R"(| ?\p{L}++)"
                           "| ?[^" PASS_SPACE R"(\p{L}\p{N}]++)"
                           "|[" PASS_SPACE "]+(?![^" PASS_SPACE R"(\p{N}])|[)" PASS_SPACE "]++";

constexpr char kLlama3[] =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    R"(|[^\r\n\p{L}\p{N}]?\p{L}++|\p{N}{1,3}+)"
    "| ?[^" PASS_SPACE R"(\p{L}\p{N}]++[\r\n]*+)"
    "|[" PASS_SPACE R"(]*[\r\n]++)"
    "|[" PASS_SPACE "]+(?![^" PASS_SPACE "])|[" PASS_SPACE "]++";

#undef PASS_SPACE

const char* ExpressionOf(PreTokenizer pre_tokenizer) {
  switch (pre_tokenizer) {
    case PreTokenizer::kGpt2:
      return kGpt2;
    case PreTokenizer::kSmolLm:
      return kSmolLm;
    case PreTokenizer::kLlama3:
      return kLlama3;
  }
  return kGpt2;
}

absl::Status Pcre2Error(std::string_view what, int code) {
  PCRE2_UCHAR text[128] = {};
  pcre2_get_error_message(code, text, sizeof(text));
  return absl::InternalError(absl::StrCat("pre-tokenizer: ", std::string(what), ": PCRE2 error ", code, ": ",
                                          reinterpret_cast<char*>(text)));
}

struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

}  // namespace

struct PieceSplitter::Expression {
  pcre2_code* code = nullptr;
  pcre2_match_context* context = nullptr;

  ~Expression() {
    pcre2_match_context_free(context);
    pcre2_code_free(code);
  }
};

absl::StatusOr<PieceSplitter> PieceSplitter::Create(PreTokenizer pre_tokenizer) {
  const char* expression = ExpressionOf(pre_tokenizer);
  int error = 0;
  PCRE2_SIZE error_offset = 0;
  auto compiled = std::make_shared<Expression>();
  compiled->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression), PCRE2_ZERO_TERMINATED,
                                 PCRE2_UTF | PCRE2_UCP, &error, &error_offset, nullptr);
  if (compiled->code == nullptr) return Pcre2Error("compile", error);
  // Where machine code cannot be made or run, the interpreter gives the same matches, slower.
  pcre2_jit_compile(compiled->code, PCRE2_JIT_COMPLETE);
  compiled->context = pcre2_match_context_create(nullptr);
  if (compiled->context == nullptr) return absl::ResourceExhaustedError("pre-tokenizer: out of memory");
  // A match tries each position of a run of white space once, however long the run is; the limit, meant for
  // expressions that backtrack without end, would only stop long runs.
  pcre2_set_match_limit(compiled->context, UINT32_MAX);
  return PieceSplitter(std::move(compiled));
}

absl::Status PieceSplitter::Split(std::string_view text,
                                  absl::FunctionRef<void(std::string_view)> take) const {
  const std::unique_ptr<pcre2_match_data, FreeMatchData> match(pcre2_match_data_create(1, nullptr));
  if (match == nullptr) return absl::ResourceExhaustedError("pre-tokenizer: out of memory");
  const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(match.get());
  size_t begin = 0;
  while (begin < text.size()) {
    const int count = pcre2_match(expression_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                  begin, PCRE2_NO_UTF_CHECK, match.get(), expression_->context);
    if (count == PCRE2_ERROR_NOMATCH) break;
    if (count < 0) return Pcre2Error("match", count);
    // What no branch matches is a piece of its own; no match is empty.
    if (bounds[0] > begin) take(text.substr(begin, bounds[0] - begin));
    take(text.substr(bounds[0], bounds[1] - bounds[0]));
    begin = bounds[1];
  }
  if (begin < text.size()) take(text.substr(begin));
  return absl::OkStatus();
}

}  // namespace pass
