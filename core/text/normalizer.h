// What is done to ordinary text before it is cut into pieces: the normalizers of tokenizer.json that occur in
// the files of decoder models. Immutable after creation and thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text/marked_text.h"

namespace pass {

struct NormalizerStep {
  enum class Kind : uint8_t {
    kNfc,      // Unicode's composed form
    kPrepend,  // `content` before a text that is not empty
    kReplace,  // `content` for each `pattern`, leftmost first
  };
  Kind kind = Kind::kNfc;
  std::string pattern = {};
  std::string content = {};

  bool operator==(const NormalizerStep&) const = default;
};

class Normalizer {
 public:
  explicit Normalizer(std::vector<NormalizerStep> steps) : steps_(std::move(steps)) {}

  bool empty() const { return steps_.empty(); }
  // Bytes that are not UTF-8 stay as they are.
  std::string Apply(std::string_view text) const;
  // New bytes are the server's only where all bytes that they were made of are.
  MarkedText Apply(std::string_view text, std::string_view marks) const;

 private:
  std::vector<NormalizerStep> steps_;
};

}  // namespace pass
