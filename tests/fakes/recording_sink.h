// A TokenSink that keeps everything it is told, and ends the process if it is told anything after its end.
// Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/check.h"
#include "core/engine/token_sink.h"

namespace pass {

class RecordingSink final : public TokenSink {
 public:
  void OnStep(const StepReport& report) override {
    absl::MutexLock lock(&mutex_);
    PASS_CHECK(!finish_.has_value() && "no step after the end");
    steps_.push_back(report);
  }
  void OnFinish(const FinishReport& report) override {
    absl::MutexLock lock(&mutex_);
    PASS_CHECK(!finish_.has_value() && "one end");
    finish_ = report;
  }
  bool Ready() const override {
    absl::MutexLock lock(&mutex_);
    return ready_;
  }

  void set_ready(bool ready) {
    absl::MutexLock lock(&mutex_);
    ready_ = ready;
  }
  std::vector<StepReport> steps() const {
    absl::MutexLock lock(&mutex_);
    return steps_;
  }
  std::optional<FinishReport> finish() const {
    absl::MutexLock lock(&mutex_);
    return finish_;
  }
  std::vector<TokenId> token_ids() const {
    absl::MutexLock lock(&mutex_);
    std::vector<TokenId> ids;
    for (const StepReport& step : steps_) ids.insert(ids.end(), step.token_ids.begin(), step.token_ids.end());
    return ids;
  }
  std::string text() const {
    absl::MutexLock lock(&mutex_);
    std::string text;
    for (const StepReport& step : steps_) text += step.text;
    return text;
  }
  // Waits for OnFinish from another thread; false if it did not come within `limit`.
  bool WaitFinished(absl::Duration limit = absl::Minutes(30)) const {
    absl::MutexLock lock(&mutex_);
    const auto finished = [this] {
      mutex_.AssertReaderHeld();
      return finish_.has_value();
    };
    return mutex_.AwaitWithTimeout(absl::Condition(&finished), limit);
  }
  // Waits for this many reports from another thread.
  bool WaitSteps(size_t count, absl::Duration limit = absl::Minutes(30)) const {
    absl::MutexLock lock(&mutex_);
    const auto enough = [this, count] {
      mutex_.AssertReaderHeld();
      return steps_.size() >= count;
    };
    return mutex_.AwaitWithTimeout(absl::Condition(&enough), limit);
  }

 private:
  mutable absl::Mutex mutex_;
  bool ready_ ABSL_GUARDED_BY(mutex_) = true;
  std::vector<StepReport> steps_ ABSL_GUARDED_BY(mutex_);
  std::optional<FinishReport> finish_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pass
