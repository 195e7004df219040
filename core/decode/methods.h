// The table of decoding methods. Everything that is kept or shown by method derives from it: names in the
// API, labels of metrics, sizes of arrays. A new method is one new file in this folder, an enumerator and a
// line in this file, and the new file's name in CMakeLists.txt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/decode/calibration.h"
#include "core/decode/decoder.h"

namespace pass {

enum class Method : uint8_t {
  kPlain,  // first: the baseline, one token a forward
  kPass,
  kTree,
  kAuto,  // last: no decoder of its own. engine/speculation/auto_policy.h switches between plain and tree
};

// What a request's decoders are made from.
struct DecoderOptions {
  int lookahead = 0;                 // L of `pass`; the most rows of a group of `tree`. At most the model's
  const ModelInfo* model = nullptr;  // borrowed
  DraftCalibration* calibration = nullptr;  // borrowed; shared by all requests of an engine
  bool text_sources = true;  // `tree` drafts from the request's own text too, not from the model alone
};

std::unique_ptr<Decoder> MakePlainDecoder(const DecoderOptions& options);
std::unique_ptr<Decoder> MakePassDecoder(const DecoderOptions& options);
std::unique_ptr<Decoder> MakeTreeDecoder(const DecoderOptions& options);

struct MethodEntry {
  Method method;
  std::string_view name;  // in the API, in logs and in labels
  std::unique_ptr<Decoder> (*make)(const DecoderOptions& options);
  bool for_auto = false;  // byte for byte it gives plain decoding's tokens: `auto` may switch to and from it
  bool needs_lookahead = false;  // without look-ahead tokens it has nothing to draft from
};

inline constexpr MethodEntry kMethods[] = {
    {.method = Method::kPlain, .name = "plain", .make = MakePlainDecoder, .for_auto = true},
    {.method = Method::kPass, .name = "pass", .make = MakePassDecoder, .needs_lookahead = true},
    {.method = Method::kTree, .name = "tree", .make = MakeTreeDecoder, .for_auto = true},
};

inline constexpr size_t kNumMethods = std::size(kMethods);  // `auto` is none of them

constexpr size_t IndexOf(Method method) { return static_cast<size_t>(method); }
constexpr bool MethodsAreInOrder() {
  for (size_t i = 0; i < kNumMethods; ++i) {
    if (IndexOf(kMethods[i].method) != i) return false;
  }
  return IndexOf(Method::kAuto) == kNumMethods;
}
static_assert(MethodsAreInOrder(), "a line for each enumerator, in their order");

constexpr const MethodEntry& EntryOf(Method method) { return kMethods[IndexOf(method)]; }  // any but kAuto

constexpr bool NeedsLookahead(Method method) {
  return method != Method::kAuto && EntryOf(method).needs_lookahead;
}

// The name of any method, kAuto included.
constexpr std::string_view MethodName(Method method) {
  return method == Method::kAuto ? "auto" : EntryOf(method).name;
}
std::optional<Method> MethodOfName(std::string_view name);
// All names, for messages: "auto, plain, pass or tree".
std::string MethodNames();

}  // namespace pass
