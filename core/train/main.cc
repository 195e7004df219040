// pass-train: learns look-ahead tokens, and if wanted the gated adapter and the head, for a frozen model.
// pass-train eval: how good their drafts are.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "core/train/evaluation.h"
#include "core/train/evaluation_report.h"
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
  app.add_option("--device", options.device, "cpu, cuda or cuda:N");
  app.add_option("--threads", options.threads, "0: one per core");
  app.add_option("--windows-per-step", options.windows_per_step, "windows whose gradients make a step");
  app.add_option("--window", options.groups.window, "tokens of a window");
  app.add_option("--anchors", options.groups.anchors, "groups of look-ahead rows in a window");
  app.add_option("--later-rows-every", options.groups.later_rows_every,
                 "windows in so many have groups of several rows; 0: 4 with a head, 1 without");
  app.add_option("--uses-per-sample", options.uses_per_sample, "times that each sample is trained on");
  app.add_option("--adapter-learning-rate", options.rates.adapter, "of the adapter");
  app.add_option("--head-learning-rate", options.rates.head_in,
                 "of the head's first layer; its second has 0.3 times it");
  app.add_option("--embedding-learning-rate", options.rates.embeddings,
                 "of the embeddings, at the beginning");
  app.add_option("--overlap-share", options.loss.overlap_share,
                 "share of -log(sum of min(p, q)) in the head's loss, for a last phase");
  app.add_option("--checkpoint-minutes", options.checkpoint_minutes, "between checkpoints");
  app.add_flag("--fp32", options.fp32, "compute in fp32");
}

// "code=FILE" to a pair; CLI11 shows the message.
std::string AddPrompts(const std::vector<std::string>& arguments, pass::EvalOptions& options) {
  for (const std::string& argument : arguments) {
    const size_t equals = argument.find('=');
    if (equals == std::string::npos) return "--prompts wants NAME=FILE";
    options.prompt_files.emplace_back(argument.substr(0, equals), argument.substr(equals + 1));
  }
  return "";
}

// "1:6.6,4:7.3" (rows:milliseconds).
std::string SetCosts(const std::string& argument, pass::EvalOptions& options) {
  std::vector<std::pair<int, double>> points;
  for (const auto part : absl::StrSplit(argument, ',')) {
    const std::pair<std::string, std::string> pair = absl::StrSplit(part, ':');
    int rows = 0;
    double cost = 0;
    if (!absl::SimpleAtoi(pair.first, &rows) || !absl::SimpleAtod(pair.second, &cost) || cost <= 0 ||
        rows <= (points.empty() ? 0 : points.back().first)) {
      return "--costs wants ROWS:MILLISECONDS,... with ascending rows";
    }
    points.emplace_back(rows, cost);
  }
  if (points.size() < 2) return "--costs wants at least two points";
  options.costs = pass::RowCosts(std::move(points));
  return "";
}

void AddEvalFlags(CLI::App& app, pass::EvalOptions& options, bool& json) {
  app.add_option("--model", options.model_path, "GGUF file or Hugging Face folder")->required();
  app.add_option("--lookahead-file", options.lookahead_path, "what to evaluate")->required();
  app.add_option_function<std::vector<std::string>>(
         "--prompts",
         [&options](const std::vector<std::string>& arguments) {
           if (const std::string error = AddPrompts(arguments, options); !error.empty())
             throw CLI::ValidationError(error);
         },
         "NAME=FILE: prompts whose continuations are looked at; the mean is that of code and prose")
      ->required();
  app.add_option_function<std::string>(
      "--costs",
      [&options](const std::string& argument) {
        if (const std::string error = SetCosts(argument, options); !error.empty())
          throw CLI::ValidationError(error);
      },
      "ROWS:MILLISECONDS,...: t(rows) for the simulated speed-up, as pass-bench cost measures it");
  app.add_option("--max-prompts", options.prompts, "prompts of each file; 0: all");
  app.add_option("--tokens", options.tokens, "tokens of a continuation")->check(CLI::Range(1, 4096));
  app.add_option("--max-nodes", options.max_nodes, "nodes of the largest tree");
  app.add_option("--rows", options.rows, "look-ahead rows behind an anchor, beside all");
  app.add_option("--seed", options.seed, "of sampled continuations");
  app.add_option("--threads", options.threads, "0: one per core");
  app.add_flag("--fp32", options.fp32, "compute in fp32");
  app.add_flag("--json", json, "print JSON instead of a table");
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "pass-train: %s\n", std::string(status.message()).c_str());
  return absl::IsInvalidArgument(status) ? 2 : 1;
}

int RunEval(const pass::EvalOptions& options, bool json) {
  const absl::StatusOr<std::vector<pass::EvalResult>> results = pass::Evaluate(options);
  if (!results.ok()) return Fail(results.status());
  std::fputs((json ? pass::EvaluationJson(*results) : pass::EvaluationTable(*results)).c_str(), stdout);
  return 0;
}

int RunTrain(pass::TrainOptions options) {
  for (const auto& [path, flag] :
       {std::pair{options.model_path, "--model"}, std::pair{options.out_path, "--out"}}) {
    if (path.empty()) return Fail(absl::InvalidArgumentError(std::string(flag) + " is required"));
  }
  options.rates.head_out = 0.3 * options.rates.head_in;
  options.groups.lookahead = options.sizes.lookahead;
  // With a head the first row and the recurrent steps behind it decide most of what is accepted.
  if (options.groups.later_rows_every == 0)
    options.groups.later_rows_every = options.sizes.head_hidden > 0 ? 4 : 1;
  options.samples.window = options.groups.window;
  options.samples.least_distinct = options.groups.window / 4;
  options.samples.seed = options.seed;
  signal(SIGINT, Interrupt);
  signal(SIGTERM, Interrupt);
  pass::ProgressDisplay display(stderr, isatty(STDERR_FILENO) != 0);
  const absl::Status status = pass::Train(options, interrupted, display);
  return status.ok() ? 0 : Fail(status);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Learns look-ahead tokens for a model, which stays as it is", "pass-train");
  pass::TrainOptions train;
  train.groups.later_rows_every = 0;
  pass::EvalOptions eval;
  bool json = false;
  AddTrainFlags(app, train);
  CLI::App* eval_command = app.add_subcommand("eval", "how good a look-ahead file's drafts are");
  AddEvalFlags(*eval_command, eval, json);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return eval_command->parsed() ? RunEval(eval, json) : RunTrain(std::move(train));
}
