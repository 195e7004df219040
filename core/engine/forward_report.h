// One forward of the whole batch, for those who learn from it or report it. Plain data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/time/time.h"
#include "core/decode/methods.h"

namespace pass {

// What a forward did: the method of all sequences that decoded in it, or one of these two.
enum class ForwardKind : uint8_t {
  kPrefill = kNumMethods,  // no sequence decoded
  kMixed,                  // several methods, or decoding beside prefill
};
inline constexpr size_t kNumForwardKinds = kNumMethods + 2;

constexpr ForwardKind KindOf(Method method) { return static_cast<ForwardKind>(method); }
constexpr size_t IndexOf(ForwardKind kind) { return static_cast<size_t>(kind); }
std::string_view ForwardKindName(ForwardKind kind);

struct ForwardReport {
  ForwardKind kind = KindOf(Method::kPlain);
  int sequences = 0;  // sequences that decoded in it: the batch
  int decode_rows = 0;
  int lookahead_rows = 0;  // of decode_rows
  int prefill_rows = 0;
  int emitted_tokens = 0;
  // The forward belongs to the control arm: it decodes plain for comparison, or it is the one after such a
  // forward, whose drafts lack what the plain one did not prepare. The latter counts as mixed too, so that
  // its time counts for neither method.
  bool control = false;
  bool auto_rests = false;  // `auto` rests in this batch bucket (speculation/auto_policy.h)
  absl::Duration time;      // proposals, forward, draws and commits
};

}  // namespace pass
