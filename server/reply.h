// The engine's reports as messages of the API.
#pragma once

#include "core/engine/token_sink.h"
#include "proto/messages.h"

namespace pass {

// Adds a step to a message that may hold earlier ones: ids and text are appended, speculation is summed.
void AppendStep(const StepReport& report, v1::GenerateResponse* message);

void SetFinish(const FinishReport& report, v1::Finish* finish);

}  // namespace pass
