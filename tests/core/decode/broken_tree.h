// Tree decoding once more, small and with one mistake of the kind that is easy to make: the tests show that they
// would notice it. Its candidates are every token, and behind each of them every token again.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/decode/decoder.h"

namespace pass {

enum class TreeMistake : uint8_t {
  kNone,                      // a control: the same tokens as PlainDecoder
  kNoiseOfTheRoot,            // every node's target is drawn with the noise of the root's position
  kNoiseOfTheRow,             // ... of the row's number in the step
  kAcceptsTheLikeliestChild,  // the walk goes on to the child that is likeliest, drawn or not
  kCommitsASibling,           // keys and values of another candidate than the accepted one
  kDrawsBonusAtTheRoot,       // the token behind the last accepted candidate is drawn at the root
  kCandidatesSeeLookahead,    // a candidate stands behind a look-ahead row
};

class BrokenTree final : public Decoder {
 public:
  BrokenTree(int vocab_size, TreeMistake mistake) : vocab_size_(vocab_size), mistake_(mistake) {}

  std::vector<Row> Plan(const Frontier& frontier) override;
  Absorbed Absorb(const Frontier& frontier, std::span<const RowResult> results) override;
  bool AtBoundary() const override { return true; }

 private:
  const int vocab_size_;
  const TreeMistake mistake_;
};

}  // namespace pass
