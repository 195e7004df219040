// Writes a stream's text so that accepted drafts can be told from the model's own draws, token by token:
// highlighted in two alternating shades with colours, else each in [brackets].
//
// A message of method `pass` holds [the draft forward's own token, accepted drafts, the last draw]; the first
// and the last are plain. One of method `tree` holds [accepted drafts, the bonus]. A message that the server
// merged from several validation steps says no more which tokens were drafts, and is shown plain.
//
// The text of a token is asked of the server once (Detokenize). Where tokens share a character, they are
// painted together. On a terminal control characters are shown as marks.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "client/console.h"
#include "client/pass_client.h"
#include "client/visible_text.h"

namespace pass {

class RunPainter {
 public:
  // Both pointers are borrowed.
  RunPainter(const PassClient* client, bool color, Console* console);

  // Asks for the texts of these tokens now, so that painting them later asks nothing.
  void Learn(const std::vector<int32_t>& token_ids);
  // The caller flushes.
  void Paint(const v1::GenerateResponse& message);

 private:
  struct Piece {
    int32_t token_id = 0;
    std::string text;
    bool accepted = false;
  };

  const std::string& TextOfOne(int32_t token_id);
  std::string TextOf(const std::vector<int32_t>& token_ids) const;
  void PaintText(std::string_view delta);
  // Makes one piece of the first ones whose joint text starts `delta`; false when there are none.
  bool JoinFront(std::string_view delta);
  void Write(std::string_view text, bool accepted);
  void Shade(std::string_view text);

  const PassClient* client_;
  const bool color_;
  Console* console_;
  VisibleText visible_;
  std::unordered_map<int32_t, std::string> texts_;
  std::deque<Piece> pending_;  // tokens whose text has not arrived in full
  bool dark_shade_ = false;
};

}  // namespace pass
