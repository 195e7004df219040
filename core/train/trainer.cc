#include "core/train/trainer.h"

#include <ATen/Parallel.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "core/checkpoint/checkpoint.h"
#include "core/model/backend/backend.h"
#include "core/train/frozen_model.h"
#include "core/train/sample_store.h"
#include "core/train/train_checkpoint.h"

namespace pass {
namespace {

constexpr int kSamplesAtATime = 256;
constexpr int kFrequentTokens = 1024;
constexpr double kSmoothing = 0.95;  // of what is reported, from one report to the next

// What is the same for all of a run.
struct Run {
  Run(const TrainOptions& train_options, const std::atomic<bool>& stop, TrainObserver& train_observer)
      : options(train_options), interrupted(stop), observer(train_observer) {}

  const TrainOptions& options;
  const std::atomic<bool>& interrupted;
  TrainObserver& observer;
  std::unique_ptr<Checkpoint> checkpoint;
  std::string fingerprint;
  TextModel text;
  std::unique_ptr<LanguageModel> sampler;  // draws the samples, by the serving path
  std::unique_ptr<FrozenModel> model;
  std::unique_ptr<SampleDrawer> drawer;
  std::unique_ptr<SampleStore> store;
  std::unique_ptr<Optimizer> optimizer;
  double seconds_before = 0;  // trained by earlier runs
  absl::Time start;

  std::string CheckpointPath() const { return options.out_path + ".checkpoint"; }
  double Seconds() const { return seconds_before + absl::ToDoubleSeconds(absl::Now() - start); }
  double Fraction() const {
    const double by_steps = options.steps > 0 ? static_cast<double>(optimizer->steps()) / options.steps : 0;
    const double by_time = options.minutes > 0 ? Seconds() / (60 * options.minutes) : 0;
    return std::min(1.0, std::max(by_steps, by_time));
  }
};

std::string DescribeSamples(const TrainOptions& options, const std::string& fingerprint) {
  return absl::StrCat(fingerprint, " window ", options.groups.window, " seed ", options.samples.seed,
                      " texts ", options.corpus_paths.size());
}

std::string DescribeRun(const TrainOptions& o, const std::string& fingerprint) {
  return absl::StrCat(fingerprint, " lookahead ", o.sizes.lookahead, " adapter-rank ", o.sizes.adapter_rank,
                      " head-hidden ", o.sizes.head_hidden, " window ", o.groups.window, " anchors ",
                      o.groups.anchors, " windows-per-step ", o.windows_per_step, " later-rows-every ",
                      o.groups.later_rows_every, " overlap-share ", o.loss.overlap_share, " seed ", o.seed);
}

absl::Status Prepare(Run& run) {
  const TrainOptions& options = run.options;
  PASS_ASSIGN_OR_RETURN(run.checkpoint, OpenCheckpoint(options.model_path));
  run.fingerprint = run.checkpoint->Fingerprint();
  PASS_ASSIGN_OR_RETURN(run.text, LoadTextModel(options.model_path));
  std::vector<std::vector<TokenId>> corpus;
  for (const std::string& path : options.corpus_paths) {
    PASS_ASSIGN_OR_RETURN(std::vector<TokenId> ids, ReadCorpus(path, *run.text.tokenizer));
    corpus.push_back(std::move(ids));
  }
  LoadOptions load;
  load.model_path = options.model_path;
  load.compute_type = options.fp32 ? ComputeType::kFp32 : ComputeType::kBf16;
  load.device = options.device;
  load.kv_cache_bytes = kKvCacheBytesOnCpu;  // on any device: the rest is for the windows
  load.num_threads = options.threads;
  PASS_ASSIGN_OR_RETURN(LoadedModel loaded, LoadModel(load));
  run.sampler = std::move(loaded.model);
  const ModelConfig& config = run.checkpoint->config();
  PASS_ASSIGN_OR_RETURN(const std::unique_ptr<Backend> backend, MakeBackend(load.device, load.compute_type));
  const at::TensorOptions& on = backend->options();
  const at::ScalarType type = TypeForTorch(options.fp32, on.device());
  PASS_ASSIGN_OR_RETURN(ModelTensors tensors, LoadTensors(*run.checkpoint, type, on.device(), nullptr));
  run.model = std::make_unique<FrozenModel>(config, std::move(tensors));
  run.drawer =
      std::make_unique<SampleDrawer>(run.sampler.get(), &run.text, std::move(corpus), options.samples);
  PASS_ASSIGN_OR_RETURN(
      SampleStore store,
      SampleStore::Open(options.samples_path.empty() ? options.out_path + ".samples" : options.samples_path,
                        DescribeSamples(options, run.fingerprint), options.groups.window));
  run.store = std::make_unique<SampleStore>(std::move(store));

  LookaheadParameters parameters =
      InitialParameters(config, options.sizes, run.model->tensors(), options.seed);
  if (!options.init_path.empty()) {
    PASS_ASSIGN_OR_RETURN(const LoadedLookahead init,
                          ReadLookaheadFile(options.init_path, config, run.fingerprint));
    if (!init.warning.empty()) run.observer.OnNote(init.warning);
    PASS_RETURN_IF_ERROR(TakeOver(init.tokens, config, parameters));
  }
  run.optimizer = std::make_unique<Optimizer>(std::move(parameters), options.rates);
  if (options.resume) {
    std::string warning;
    PASS_ASSIGN_OR_RETURN(const TrainCheckpoint read,
                          ReadTrainCheckpoint(run.CheckpointPath(), DescribeRun(options, run.fingerprint),
                                              run.optimizer->State(), &warning));
    if (!warning.empty()) run.observer.OnNote(warning);
    run.optimizer->Restore(read.steps);
    run.seconds_before = read.seconds;
  }
  run.start = absl::Now();
  return absl::OkStatus();
}

// The window of a run's n-th use: each chunk of samples is gone through `uses_per_sample` times before the next.
absl::StatusOr<std::vector<TokenId>> WindowOf(Run& run, int64_t use) {
  const int64_t chunk = use / (kSamplesAtATime * run.options.uses_per_sample);
  const int64_t index = chunk * kSamplesAtATime + use % kSamplesAtATime;
  while (run.store->size() <= index) {
    TrainProgress progress;
    progress.step = run.optimizer->steps();
    progress.fraction = run.Fraction();
    progress.seconds = run.Seconds();
    progress.samples = run.store->size();
    progress.drawing = true;
    run.observer.OnProgress(progress);
    const int64_t first = run.store->next_sample();
    PASS_ASSIGN_OR_RETURN(const auto windows, run.drawer->Draw(first, kSamplesAtATime, run.interrupted));
    if (windows.empty()) {
      return absl::FailedPreconditionError(
          "all of the model's samples loop; train with a --corpus to start them from");
    }
    PASS_RETURN_IF_ERROR(run.store->Append(windows, first + kSamplesAtATime));
  }
  return run.store->window(index);
}

absl::StatusOr<std::vector<WindowResult>> ComputeWindows(Run& run) {
  const TrainOptions& options = run.options;
  const LookaheadParameters leaves =
      run.optimizer->parameters().Leaves(run.model->tensors().embedding.options());
  const int count = options.windows_per_step;
  std::vector<std::vector<TokenId>> windows;
  for (int i = 0; i < count; ++i) {
    PASS_ASSIGN_OR_RETURN(windows.emplace_back(), WindowOf(run, run.optimizer->steps() * count + i));
  }
  std::vector<WindowResult> results(count);
  std::vector<std::exception_ptr> errors(count);
  std::atomic<int> next = 0;
  // One window a thread: no barrier within a step but its end.
  const auto work = [&] {
    at::set_num_threads(1);
    for (int i = next++; i < count; i = next++) try {
        const uint64_t seed =
            options.seed * 1000003 + static_cast<uint64_t>(run.optimizer->steps() * count + i);
        const std::vector<GroupRow> rows = PlanGroups(options.groups, seed);
        results[i] = ComputeWindow(*run.model, windows[i], rows, leaves, options.loss, seed);
      } catch (...) {
        errors[i] = std::current_exception();
      }
  };
  const int cores =
      options.threads > 0 ? options.threads : static_cast<int>(std::thread::hardware_concurrency());
  std::vector<std::thread> threads;
  for (int i = 0; i < std::min(count, std::max(1, cores)); ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  return results;
}

std::vector<at::Tensor> SumGradients(const Run& run, const std::vector<WindowResult>& results) {
  std::vector<at::Tensor> sums;
  const auto named = run.optimizer->parameters().Named();
  for (size_t i = 0; i < named.size(); ++i) {
    at::Tensor sum = at::zeros_like(named[i].second);
    for (const WindowResult& result : results) {
      if (result.gradients[i].defined())
        sum.add_(result.gradients[i].to(sum.options()), 1.0 / static_cast<double>(results.size()));
    }
    sums.push_back(sum);
  }
  return sums;
}

absl::Status Save(Run& run) {
  LookaheadFacts facts = FactsOf(run.checkpoint->config());
  facts.base_fingerprint = run.fingerprint;
  facts.base_model = run.checkpoint->name();
  facts.recipe = absl::StrCat("pass-train, ", DescribeRun(run.options, run.fingerprint), ", step ",
                              run.optimizer->steps(), ", ", static_cast<int64_t>(run.Seconds()), " s, ",
                              run.store->size(), " own samples");
  PASS_RETURN_IF_ERROR(WriteLookaheadFile(
      run.options.out_path, ToFile(run.optimizer->parameters(), run.checkpoint->config(), std::move(facts),
                                   run.store->FrequentTokens(kFrequentTokens))));
  return WriteTrainCheckpoint(run.CheckpointPath(),
                              {.steps = run.optimizer->steps(),
                               .seconds = run.Seconds(),
                               .description = DescribeRun(run.options, run.fingerprint)},
                              run.optimizer->State());
}

absl::Status Loop(Run& run) {
  TrainProgress progress;
  absl::Time reported = absl::Now(), saved = absl::Now();
  int64_t steps_at_report = run.optimizer->steps();
  double loss = 0, weight = 0;  // sums over the last steps, older ones weighing less
  while (run.Fraction() < 1 && !run.interrupted) {
    const absl::StatusOr<std::vector<WindowResult>> computed = ComputeWindows(run);
    if (absl::IsCancelled(computed.status())) break;
    PASS_RETURN_IF_ERROR(computed.status());
    const std::vector<WindowResult>& results = *computed;
    const double norm = run.optimizer->Step(SumGradients(run, results), run.Fraction());
    if (!std::isfinite(norm)) {
      return absl::InternalError(
          absl::StrCat("the loss of step ", run.optimizer->steps() + 1,
                       " is not a number; the last checkpoint is intact: --resume with a lower "
                       "--adapter-learning-rate"));
    }
    for (const WindowResult& result : results) {
      loss += result.loss / static_cast<double>(results.size());
      progress.rows.Add(result.rows);
      progress.head.Add(result.head);
      progress.recurrent.Add(result.recurrent);
    }
    const absl::Time now = absl::Now();
    if (now - reported >= absl::Seconds(2)) {
      const auto steps = static_cast<double>(run.optimizer->steps() - steps_at_report);
      progress.step = run.optimizer->steps();
      progress.fraction = run.Fraction();
      progress.seconds = run.Seconds();
      progress.steps_per_second = steps / absl::ToDoubleSeconds(now - reported);
      progress.seconds_left =
          progress.fraction > 0 ? (1 - progress.fraction) / progress.fraction * progress.seconds : 0;
      weight = kSmoothing * weight + steps;
      progress.loss = loss / weight;
      progress.samples = run.store->size();
      run.observer.OnProgress(progress);
      for (PredictionSums* sums : {&progress.rows, &progress.head, &progress.recurrent})
        sums->Scale(kSmoothing);
      loss *= kSmoothing;
      reported = absl::Now();
      steps_at_report = run.optimizer->steps();
    }
    if (now - saved >= absl::Minutes(run.options.checkpoint_minutes)) {
      PASS_RETURN_IF_ERROR(Save(run));
      saved = absl::Now();
    }
  }
  if (run.interrupted && run.optimizer->steps() == 0) {
    return absl::CancelledError("interrupted before the first step; there is no checkpoint yet");
  }
  PASS_RETURN_IF_ERROR(Save(run));
  run.observer.OnNote(absl::StrCat(run.options.out_path, ": written after step ", run.optimizer->steps()));
  if (run.interrupted) return absl::CancelledError("interrupted; go on with --resume");
  return absl::OkStatus();
}

absl::Status OutOf(const char* flag, const char* range) {
  return absl::InvalidArgumentError(absl::StrCat(flag, " must be ", range));
}

}  // namespace

absl::Status TrainOptions::Validate() const {
  if (steps <= 0 && minutes <= 0) return absl::InvalidArgumentError("give --steps or --minutes");
  if (sizes.lookahead < 1 || sizes.lookahead > 64) return OutOf("--lookahead", "from 1 to 64");
  if (sizes.adapter_rank < 0 || sizes.adapter_rank > 256)
    return OutOf("--adapter-rank", "from 0 (none) to 256");
  if (sizes.head_hidden < 0 || sizes.head_hidden > 65536)
    return OutOf("--head-hidden", "from 0 (none) to 65536");
  if (groups.window < 8 || groups.window > 4096) return OutOf("--window", "from 8 to 4096");
  if (groups.anchors < 1) return OutOf("--anchors", "at least 1");
  if (groups.later_rows_every < 1) return OutOf("--later-rows-every", "at least 0");
  if (!(loss.overlap_share >= 0 && loss.overlap_share <= 1)) return OutOf("--overlap-share", "from 0 to 1");
  if (windows_per_step < 1) return OutOf("--windows-per-step", "at least 1");
  return absl::OkStatus();
}

absl::Status Train(const TrainOptions& options, const std::atomic<bool>& interrupted,
                   TrainObserver& observer) try {
  PASS_RETURN_IF_ERROR(options.Validate());
  Run run(options, interrupted, observer);
  PASS_RETURN_IF_ERROR(Prepare(run));
  return Loop(run);
} catch (const std::exception& error) {
  return absl::InternalError(absl::StrCat("training failed: ", error.what()));
}

}  // namespace pass
