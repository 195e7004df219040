// An engine of its own on a borrowed model, stepped in the caller's thread: what a server that gets these
// requests does, without gRPC. What the engine learns (method `auto`) stays from one call to the next.
//
// Thread: the model's.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/completion.h"
#include "bench/prompt_set.h"
#include "bench/variant.h"
#include "core/base/clock.h"
#include "core/engine/engine.h"
#include "core/text/text_model.h"

namespace pass::bench {

// `seed` names the request too.
GenerationRequest MakeRequest(const EncodedPrompt& prompt, const Variant& variant,
                              const SamplingOptions& sampling, int tokens, uint64_t seed);

class Generator {
 public:
  // All references are borrowed; `options` are valid. At most options.max_sequences requests are in flight at
  // a time.
  Generator(LanguageModel& model, const TextModel& text, const EngineOptions& options, const Clock& clock);

  // Runs the requests to their ends; completions in the requests' order. The error of the first that failed.
  absl::StatusOr<std::vector<Completion>> Run(std::vector<GenerationRequest> requests);

 private:
  Engine engine_;
  RequestHandle next_handle_ = 1;
};

}  // namespace pass::bench
