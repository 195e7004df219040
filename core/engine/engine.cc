#include "core/engine/engine.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "core/base/status_macros.h"
#include "core/engine/forward_part.h"
#include "core/engine/scheduler.h"
#include "core/engine/sequence.h"

namespace pass {
namespace {

absl::Status AtLeastOne(int value, const char* name) {
  if (value >= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(std::string(name) + " must be at least 1");
}

SequenceEnd ModelFailure() {
  return {.reason = FinishReason::kError, .error = absl::InternalError("the model failed on this request")};
}

// What a forward was, its time left aside.
ForwardReport Describe(std::span<const ForwardPart> parts) {
  ForwardReport report;
  std::optional<Method> method;
  bool mixed = false;
  for (const ForwardPart& part : parts) {
    report.prefill_rows += part.prefill_rows;
    report.decode_rows += part.decode_rows;
    report.lookahead_rows += part.lookahead_rows;
    report.emitted_tokens += part.emitted;
    if (!part.decodes()) continue;
    ++report.sequences;
    mixed |= method.value_or(part.method) != part.method;
    method = part.method;
  }
  if (!method.has_value()) {
    report.kind = ForwardKind::kPrefill;
  } else if (mixed || report.prefill_rows > 0) {
    report.kind = ForwardKind::kMixed;
  } else {
    report.kind = KindOf(*method);
  }
  return report;
}

SequenceEnd NeverFits() {
  return {.reason = FinishReason::kError,
          .error = absl::InvalidArgumentError("prompt and max_tokens do not fit the key-value cache")};
}

}  // namespace

absl::Status EngineOptions::Validate() const {
  absl::Status status = AtLeastOne(max_sequences, "max_sequences");
  status.Update(AtLeastOne(row_budget, "row_budget"));
  status.Update(AtLeastOne(prefill_chunk_rows, "prefill_chunk_rows"));
  if (!(control_share >= 0 && control_share <= 1)) {
    status.Update(absl::InvalidArgumentError("control_share must be from 0 to 1"));
  }
  if (slow_reader_limit <= absl::ZeroDuration()) {
    status.Update(absl::InvalidArgumentError("slow_reader_limit must be above 0"));
  }
  return status;
}

Engine::Engine(LanguageModel* model, const Tokenizer* tokenizer, std::vector<TokenId> end_of_sequence_ids,
               const EngineOptions& options, EngineObserver* observer, const Clock* clock)
    : model_(model),
      tokenizer_(tokenizer),
      end_of_sequence_ids_(std::move(end_of_sequence_ids)),
      options_(options),
      observer_(observer != nullptr ? observer : &no_observer_),
      clock_(clock),
      row_budget_(std::min(options.row_budget, model->info().max_batch_rows)),
      speculation_(model->info(), options.control_share) {}

Engine::~Engine() {
  for (const auto& sequence : running_) model_->Close(*sequence->model_id());
}

void Engine::Submit(RequestHandle handle, GenerationRequest request, std::shared_ptr<TokenSink> sink) {
  if (request.received == absl::InfinitePast()) request.received = clock_->Now();
  const SequenceContext context{.model = &model_->info(),
                                .tokenizer = tokenizer_,
                                .calibration = speculation_.calibration(),
                                .end_of_sequence_ids = end_of_sequence_ids_,
                                .text_sources = options_.text_sources};
  waiting_.push_back(std::make_unique<Sequence>(handle, std::move(request), std::move(sink), context));
}

void Engine::Cancel(RequestHandle handle, FinishReason reason, absl::Time requested) {
  for (const Sequences* sequences : {&waiting_, &running_}) {
    for (const auto& sequence : *sequences) {
      if (sequence->handle() == handle) sequence->End({.reason = reason}, std::min(requested, clock_->Now()));
    }
  }
}

void Engine::CancelAll(FinishReason reason, const absl::Status& error) {
  for (const Sequences* sequences : {&waiting_, &running_}) {
    for (const auto& sequence : *sequences) sequence->End({.reason = reason, .error = error}, clock_->Now());
  }
}

// A model that fails here fails on the first request too, and then somebody hears of it.
void Engine::Prepare() {
  if (options_.measuring_time <= absl::ZeroDuration()) return;
  speculation_.MeasureCosts(*model_, *clock_, options_.measuring_time);
}

bool Engine::Step() {
  Admit();
  const bool ran = RunForward();
  observer_->OnState({.running = num_running(), .waiting = num_waiting(), .kv = model_->kv_usage()});
  return ran;
}

absl::Time Engine::NextWakeUp() const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& sequence : waiting_) next = std::min(next, sequence->request().deadline);
  for (const auto& sequence : running_) {
    next = std::min(
        {next, sequence->request().deadline, sequence->reader_wait_start() + options_.slow_reader_limit});
  }
  return next;
}

// Deadlines, and readers that do not come back.
void Engine::EndLate(absl::Time now) {
  for (const Sequences* sequences : {&waiting_, &running_}) {
    for (const auto& sequence : *sequences) {
      const absl::Time deadline = sequence->request().deadline;
      if (deadline <= now) sequence->End({.reason = FinishReason::kDeadline}, deadline);
    }
  }
  for (const auto& sequence : running_) {
    sequence->CheckReader(now);
    const absl::Time limit = sequence->reader_wait_start() + options_.slow_reader_limit;
    if (limit <= now) sequence->End({.reason = FinishReason::kCancelled}, limit);
  }
}

void Engine::DropEnded(Sequences& sequences) {
  for (const auto& sequence : sequences) {
    if (sequence->ended()) Finish(*sequence);
  }
  std::erase_if(sequences, [](const auto& sequence) { return sequence->ended(); });
}

void Engine::Admit() {
  if (model_lost_) {
    const SequenceEnd failure = ModelFailure();
    CancelAll(failure.reason, failure.error);
  }
  EndLate(clock_->Now());
  DropEnded(waiting_);
  DropEnded(running_);
  while (!waiting_.empty() && num_running() < options_.max_sequences && AdmitNext()) {
  }
}

// False: the oldest must wait for pages, and the others behind it.
bool Engine::AdmitNext() {
  Sequence& sequence = *waiting_.front();
  const absl::Time now = clock_->Now();
  const absl::StatusOr<SequenceId> id = model_->Open(sequence.kv_tokens());
  if (id.ok()) {
    sequence.Admit(*id, now);
    observer_->OnAdmitted(sequence.request(), now - sequence.request().received);
    running_.push_back(std::move(waiting_.front()));
    waiting_.erase(waiting_.begin());
    return true;
  }
  // With nothing running no page will ever come back.
  if (absl::IsResourceExhausted(id.status()) && !running_.empty()) return false;
  const bool never_fits = absl::IsInvalidArgument(id.status()) || absl::IsResourceExhausted(id.status());
  if (!never_fits) observer_->OnModelError(sequence.request(), id.status());
  sequence.End(never_fits ? NeverFits() : ModelFailure(), now);
  Finish(sequence);
  waiting_.erase(waiting_.begin());
  return true;
}

void Engine::ChooseMethods(int prompt_rows) {
  choice_ = {};
  int batch = 0;
  bool comparable = true;
  std::vector<Sequence*> choosers;
  for (const auto& sequence : running_) {
    const RowNeed need = sequence->need();
    if (need.decode_rows == 0) continue;
    if (need.prefill_rows == 0) {
      ++batch;
    } else {
      comparable = false;
    }
    if (need.prefill_rows <= prompt_rows && sequence->MayChooseMethod()) {
      choosers.push_back(sequence.get());
    } else {
      comparable = false;
    }
  }
  if (choosers.empty()) return;
  choice_ = speculation_.ChooseMethod(std::max(batch, 1), comparable);
  for (Sequence* sequence : choosers) sequence->SetMethod(choice_.method);
}

// What of a forward belongs to the comparison with plain decoding. A forward of drafts behind a plain one, which left it nothing to
// draft from, counts for neither.
void Engine::MarkControl(ForwardReport& report) {
  const AutoPolicy::Choice behind = std::exchange(plain_choice_, {});
  report.auto_rests = choice_.resting;
  if ((choice_.control || choice_.resting) && report.kind == KindOf(Method::kPlain)) {
    report.control = choice_.control;
    plain_choice_ = choice_;
  } else if ((behind.control || behind.resting) && choice_.method != Method::kPlain &&
             report.kind == KindOf(choice_.method)) {
    report.control = behind.control;
    report.kind = ForwardKind::kMixed;
  }
}

// Prompts get fewer rows beside sequences that decode, so that those do not wait for long.
int Engine::PromptRows() const {
  int decode_rows = 0, prompts = 0;
  for (const auto& sequence : running_) {
    const RowNeed need = sequence->need();
    if (need.prefill_rows > 0) {
      ++prompts;
    } else {
      decode_rows += need.decode_rows;
    }
  }
  const int most = options_.prefill_chunk_rows;
  return decode_rows > 0 ? speculation_.PromptRowsBeside(decode_rows, prompts, most) : most;
}

std::vector<RowGrant> Engine::GrantRows(int prompt_rows) const {
  std::vector<RowNeed> needs;
  for (const auto& sequence : running_) needs.push_back(sequence->need());
  return PlanForward(needs, {.rows = row_budget_, .prefill_rows = prompt_rows});
}

// One call to the model for the drafts of all sequences, again and again while any of them asks for more.
absl::Status Engine::Draft(std::span<const RowGrant> grants) {
  struct Asker {
    Sequence* sequence;
    int count;
  };
  std::vector<Asker> askers;
  for (size_t i = 0; i < running_.size(); ++i) {
    if (grants[i].decode) askers.push_back({running_[i].get(), 0});
  }
  while (true) {
    std::vector<ProposalRequest> requests;
    for (auto& [sequence, count] : askers) count = sequence->Ask(speculation_.least_reach(), requests);
    std::erase_if(askers, [](const Asker& asker) { return asker.count == 0; });
    if (askers.empty()) return absl::OkStatus();
    PASS_ASSIGN_OR_RETURN(const std::vector<Proposal> proposals, model_->Propose(requests));
    if (proposals.size() != requests.size()) {
      return absl::InternalError("the proposals are not one per request");
    }
    std::span<const Proposal> left = proposals;
    for (const auto& [sequence, count] : askers) {
      sequence->Answer(left.first(count));
      left = left.subspan(count);
    }
  }
}

// The rows that nobody was granted go to those who offer candidates.
std::vector<size_t> Engine::ChooseRows(std::span<const RowGrant> grants) {
  std::vector<size_t> choosers;
  std::vector<TreePlanner::Offer> offers;
  TreePlanner::Forward forward{.other_rows = 0, .most_rows = row_budget_, .batch = 0};
  for (size_t i = 0; i < running_.size(); ++i) {
    forward.other_rows += grants[i].prefill_rows;
    if (!grants[i].decode) continue;
    ++forward.batch;
    const Sequence& sequence = *running_[i];
    const RowOffer* offer = sequence.decoder().offer();
    if (offer == nullptr) {
      forward.other_rows += sequence.need().decode_rows;
      continue;
    }
    choosers.push_back(i);
    offers.push_back({.rows = offer,
                      .most_rows = sequence.request().max_rows,
                      .sampled = !sequence.request().sampling.greedy()});
  }
  if (offers.empty()) return choosers;
  const std::vector<RowChoice> choices = speculation_.ShareRows(offers, forward);
  for (size_t i = 0; i < choosers.size(); ++i) {
    running_[choosers[i]]->decoder().Choose(choices[i]);
  }
  return choosers;
}

bool Engine::RunForward() {
  const int prompt_rows = PromptRows();
  ChooseMethods(prompt_rows);
  const absl::Time start = clock_->Now();
  const std::vector<RowGrant> grants = GrantRows(prompt_rows);
  if (std::ranges::all_of(grants, [](const RowGrant& grant) { return grant == RowGrant(); })) return false;
  absl::Status status = Draft(grants);
  if (status.ok()) {
    const std::vector<size_t> choosers = ChooseRows(grants);
    std::vector<Row> rows;
    std::vector<ForwardPart> parts;
    for (size_t i = 0; i < running_.size(); ++i) parts.push_back(running_[i]->PlanRows(grants[i], rows));
    const absl::StatusOr<std::vector<RowResult>> results = Forward(rows);
    status = results.status();
    if (status.ok()) {
      TakeResults(*results, parts, start);
      HandOver(parts, choosers, start);
    }
  }
  if (!status.ok()) FailForward(status, grants);
  DropEnded(running_);
  return true;
}

absl::StatusOr<std::vector<RowResult>> Engine::Forward(std::span<const Row> rows) {
  PASS_ASSIGN_OR_RETURN(std::vector<RowResult> results, model_->Forward(rows));
  if (results.size() != rows.size()) return absl::InternalError("the forward's results are not one per row");
  return results;
}

// Each sequence takes what is its own, and the model keeps what is to be kept.
void Engine::TakeResults(std::span<const RowResult> results, std::span<ForwardPart> parts, absl::Time start) {
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].rides()) continue;
    Sequence& sequence = *running_[i];
    absl::Status status = sequence.TakeResults(results, parts[i]);
    if (status.ok() && !sequence.ended()) status = Keep(sequence, parts[i]);
    if (status.ok()) continue;
    NoteModelError(sequence, status);
    sequence.End(ModelFailure(), start);
  }
}

void Engine::NoteModelError(const Sequence& sequence, const absl::Status& status) {
  observer_->OnModelError(sequence.request(), status);
  model_lost_ |= absl::IsUnavailable(status);
}

// A sequence that has ended keeps nothing.
absl::Status Engine::Keep(const Sequence& sequence, const ForwardPart& part) {
  const DraftHandle release = part.absorbed.has_value() ? part.absorbed->release_before : 0;
  if (release > 0) model_->ReleaseDrafts(*sequence.model_id(), release);
  return model_->Commit(*sequence.model_id(), part.commit);
}

// To whoever learns from the forward, and to the readers.
void Engine::HandOver(std::span<const ForwardPart> parts, std::span<const size_t> choosers,
                      absl::Time start) {
  const absl::Time now = clock_->Now();
  ForwardReport report = Describe(parts);
  MarkControl(report);
  report.time = now - start;
  std::vector<const Absorbed*> outcomes;
  for (size_t i : choosers) outcomes.push_back(parts[i].absorbed.has_value() ? &*parts[i].absorbed : nullptr);
  speculation_.Observe(report, outcomes);
  observer_->OnForward(report);
  for (size_t i = 0; i < parts.size(); ++i) {
    Sequence& sequence = *running_[i];
    sequence.AddForward(report, parts[i], now);
    if (!sequence.ended() && sequence.ReportDue()) Report(sequence, now);
  }
}

// Whoever rode in the forward ends with it; those who waited for their readers did not.
void Engine::FailForward(const absl::Status& status, std::span<const RowGrant> grants) {
  for (size_t i = 0; i < running_.size(); ++i) {
    if (grants[i] == RowGrant()) continue;
    NoteModelError(*running_[i], status);
    running_[i]->End(ModelFailure(), clock_->Now());
  }
}

void Engine::Report(Sequence& sequence, absl::Time now) {
  const Sequence::TakenReport taken = sequence.TakeReport(now);
  observer_->OnStep(taken.report, taken.since_last, taken.first);
  sequence.sink().OnStep(taken.report);
}

// Pages first: nothing that a reader does may keep them.
void Engine::Finish(Sequence& sequence) {
  if (sequence.model_id().has_value()) model_->Close(*sequence.model_id());
  const absl::Time now = clock_->Now();
  if (sequence.ReportDue()) Report(sequence, now);
  const FinishReport report = sequence.Finish(speculation_, now);
  const bool cut_off = report.reason == FinishReason::kCancelled || report.reason == FinishReason::kDeadline;
  if (cut_off && sequence.model_id().has_value()) observer_->OnCancelFreed(now - sequence.end_time());
  observer_->OnFinish(report);
  sequence.sink().OnFinish(report);
}

}  // namespace pass
