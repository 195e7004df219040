// The engine's reports as messages of this API: what StreamReactor and UnaryReactor call Reply.
#pragma once

#include "core/engine/token_sink.h"
#include "proto/messages.h"

namespace pass::pass_v1 {

// Generate: a message holds the steps since the one before, ids and text appended, speculation summed. The
// last holds the end too.
struct StreamReply {
  using Message = v1::GenerateResponse;
  void AddStep(const StepReport& report, Message* message) const;
  void AddFinish(const FinishReport& report, Message* message) const;
};

// Complete: one message holds all ids, the whole text and the end.
struct WholeReply {
  using Message = v1::CompleteResponse;
  void AddStep(const StepReport& report, Message* message) const;
  void AddFinish(const FinishReport& report, Message* message) const;
};

}  // namespace pass::pass_v1
