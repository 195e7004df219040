// What came of one request, and the sink that gathers it.
#pragma once

#include <string>
#include <vector>

#include "core/engine/token_sink.h"

namespace pass::bench {

struct Completion {
  std::vector<TokenId> ids;
  std::string text;
  FinishReport finish;
};

// True if ids, text and finish reason are the same.
inline bool SameOutput(const Completion& left, const Completion& right) {
  return left.ids == right.ids && left.text == right.text && left.finish.reason == right.finish.reason;
}

class CompletionSink final : public TokenSink {
 public:
  void OnStep(const StepReport& report) override {
    completion_.ids.insert(completion_.ids.end(), report.token_ids.begin(), report.token_ids.end());
    completion_.text += report.text;
  }
  void OnFinish(const FinishReport& report) override {
    completion_.finish = report;
    finished_ = true;
  }

  const Completion& completion() const { return completion_; }
  bool finished() const { return finished_; }

 private:
  Completion completion_;
  bool finished_ = false;
};

}  // namespace pass::bench
