// pass-train: learns look-ahead tokens, and if wanted the gated adapter and the head, for a frozen model.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>

#include "core/train/progress_display.h"
#include "core/train/trainer.h"

namespace {

std::atomic<bool> interrupted = false;

void Interrupt(int /*signal*/) { interrupted = true; }

void AddTrainFlags(CLI::App& app, pass::TrainOptions& options) {
  app.add_option("--model", options.model_path, "GGUF file or Hugging Face folder");
  app.add_option("--out", options.out_path, "look-ahead file to write; checkpoints stand beside it");
  app.add_option("--lookahead", options.sizes.lookahead, "look-ahead tokens, L");
  app.add_option("--adapter-rank", options.sizes.adapter_rank, "rank of the gated adapter; 0: none");
  app.add_option("--head-hidden", options.sizes.head_hidden, "hidden size of the head; 0: none");
  app.add_option("--corpus", options.corpus_paths,
                 "UTF-8 texts whose beginnings the model continues to samples of its own");
  app.add_option("--minutes", options.minutes, "train for so long");
  app.add_option("--steps", options.steps, "train so many steps");
  app.add_flag("--resume", options.resume, "go on from the checkpoint beside --out");
  app.add_option("--init", options.init_path, "start from this look-ahead file");
  app.add_option("--samples", options.samples_path,
                 "file that keeps the drawn samples; OUT.samples if not given");
  app.add_option("--seed", options.seed, "of weights, samples and anchors");
  app.add_option("--threads", options.threads, "0: one per core");
  app.add_option("--windows-per-step", options.windows_per_step, "windows whose gradients make a step");
  app.add_option("--window", options.groups.window, "tokens of a window");
  app.add_option("--anchors", options.groups.anchors, "groups of look-ahead rows in a window");
  app.add_option("--uses-per-sample", options.uses_per_sample, "times that each sample is trained on");
  app.add_option("--learning-rate", options.rates.weights, "of adapter and head");
  app.add_option("--embedding-learning-rate", options.rates.embeddings,
                 "of the embeddings, at the beginning");
  app.add_option("--checkpoint-minutes", options.checkpoint_minutes, "between checkpoints");
  app.add_flag("--fp32", options.fp32, "compute in fp32");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Learns look-ahead tokens for a model, which stays as it is", "pass-train");
  pass::TrainOptions options;
  AddTrainFlags(app, options);
  CLI11_PARSE(app, argc, argv);
  for (const auto& [path, flag] :
       {std::pair{options.model_path, "--model"}, std::pair{options.out_path, "--out"}}) {
    if (!path.empty()) continue;
    std::fprintf(stderr, "pass-train: %s is required\n", flag);
    return 2;
  }
  options.groups.lookahead = options.sizes.lookahead;
  options.samples.window = options.groups.window;
  options.samples.seed = options.seed;
  signal(SIGINT, Interrupt);
  signal(SIGTERM, Interrupt);
  pass::ProgressDisplay display(stderr, isatty(STDERR_FILENO) != 0);
  const absl::Status status = pass::Train(options, interrupted, display);
  if (status.ok()) return 0;
  std::fprintf(stderr, "pass-train: %s\n", std::string(status.message()).c_str());
  return absl::IsInvalidArgument(status) ? 2 : 1;
}
