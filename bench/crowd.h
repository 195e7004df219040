// A batch that is never the same twice: requests arrive at random steps in random order, and beside them run
// others that are cancelled on the way. Which, the seed decides.
//
// Thread: the model's.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/completion.h"
#include "core/base/clock.h"
#include "core/engine/engine.h"
#include "core/text/text_model.h"

namespace pass::bench {

struct CrowdResult {
  std::vector<Completion> completions;  // in the requests' order
  struct CutOff {
    size_t request = 0;  // whose copy it is
    Completion completion;
  };
  std::vector<CutOff> cut_off;
};

class Crowd {
 public:
  // All references are borrowed. `batch`: sequences in flight.
  Crowd(LanguageModel& model, const TextModel& text, int batch, uint64_t seed, const Clock& clock);

  // Runs all requests to their ends, and a copy of every eighth until it is cancelled. The error of the first
  // that failed.
  absl::StatusOr<CrowdResult> Run(std::span<const GenerationRequest> requests);

 private:
  struct Member {
    size_t request = 0;
    int steps_left = 0;  // until it is cancelled; 0: never
    RequestHandle handle = 0;
    std::shared_ptr<CompletionSink> sink;
  };

  std::vector<Member> Gather(size_t count);
  void Step(std::span<const GenerationRequest> requests);
  int NumInFlight() const { return engine_.num_running() + engine_.num_waiting(); }

  const int batch_;
  Engine engine_;
  std::mt19937_64 random_;
  RequestHandle next_handle_ = 1;
  std::vector<Member> members_;
  size_t num_arrived_ = 0;
};

}  // namespace pass::bench
