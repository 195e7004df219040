#include "bench/crowd.h"

#include <algorithm>
#include <utility>

namespace pass::bench {
namespace {

constexpr size_t kCopyEvery = 8;
constexpr int kLongestLife = 60;  // steps of a request that is cancelled
constexpr int kQueue = 2;         // requests that may wait behind a full batch

// Budgets that cut prompts and crowd decoders as a busy server does.
EngineOptions Tight(int batch) {
  return {
      .max_sequences = batch, .row_budget = 96, .prefill_chunk_rows = 24, .measuring_time = absl::Seconds(5)};
}

}  // namespace

Crowd::Crowd(LanguageModel& model, const TextModel& text, int batch, uint64_t seed, const Clock& clock)
    : batch_(batch),
      engine_(&model, text.tokenizer.get(), text.end_of_sequence_ids, Tight(batch), /*observer=*/nullptr,
              &clock),
      random_(seed) {
  engine_.Prepare();
}

// In order of arrival.
std::vector<Crowd::Member> Crowd::Gather(size_t count) {
  std::vector<Member> members;
  for (size_t i = 0; i < count; ++i) {
    members.push_back({.request = i, .sink = std::make_shared<CompletionSink>()});
    if (i % kCopyEvery != 0) continue;
    members.push_back({.request = i,
                       .steps_left = std::uniform_int_distribution<int>(1, kLongestLife)(random_),
                       .sink = std::make_shared<CompletionSink>()});
  }
  std::shuffle(members.begin(), members.end(), random_);
  return members;
}

void Crowd::Step(std::span<const GenerationRequest> requests) {
  while (num_arrived_ < members_.size() && NumInFlight() < batch_ + kQueue && random_() % 2 == 0) {
    Member& member = members_[num_arrived_++];
    member.handle = next_handle_++;
    engine_.Submit(member.handle, requests[member.request], member.sink);
  }
  for (size_t i = 0; i < num_arrived_; ++i) {
    if (members_[i].steps_left > 0 && --members_[i].steps_left == 0) engine_.Cancel(members_[i].handle);
  }
  engine_.Step();
}

absl::StatusOr<CrowdResult> Crowd::Run(std::span<const GenerationRequest> requests) {
  members_ = Gather(requests.size());
  num_arrived_ = 0;
  while (num_arrived_ < members_.size() || NumInFlight() > 0) Step(requests);
  CrowdResult result;
  result.completions.resize(requests.size());
  for (const Member& member : members_) {
    const Completion& completion = member.sink->completion();
    if (completion.finish.reason == FinishReason::kError) return completion.finish.error;
    if (completion.finish.reason == FinishReason::kCancelled) {
      result.cut_off.push_back({member.request, completion});
    } else {
      result.completions[member.request] = completion;
    }
  }
  return result;
}

}  // namespace pass::bench
