// pass-bench: measurements that run in the server's own process, without gRPC.
//   pass-bench cost --model M       t(rows), the time of a forward over so many rows
//   pass-bench compare --model M    methods beside plain decoding, over sets of prompts
// Markdown on stdout, progress on stderr, JSON in a file if asked for.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "bench/compare.h"
#include "bench/cost_table.h"
#include "bench/report.h"
#include "core/base/status_macros.h"
#include "core/model/load.h"

namespace pass::bench {
namespace {

struct Flags {
  LoadOptions load;
  bool fp32 = false;
  std::string json;
  CostOptions cost;
  CompareOptions compare;
  std::vector<std::string> prompts = {"bench/prompts/python.txt", "bench/prompts/english.txt",
                                      "bench/prompts/chat.txt"};
  int limit = 0;
  std::vector<std::string> methods = {"pass", "auto"};
  std::vector<std::string> samplings = {"greedy"};
};

Subject SubjectOf(const Flags& flags, const LanguageModel& model) {
  return {.model = model.info(),
          .lookahead_file = std::filesystem::path(flags.load.lookahead_path).filename().string(),
          .libtorch = LibTorchVersion(),
          .date = absl::FormatTime("%Y-%m-%d", absl::Now(), absl::UTCTimeZone()),
          .machine = DescribeMachine(flags.load.num_threads)};
}

absl::StatusOr<LoadedModel> Load(const Flags& flags) {
  LoadOptions options = flags.load;
  if (flags.fp32) options.compute_type = ComputeType::kFp32;
  PASS_ASSIGN_OR_RETURN(LoadedModel loaded, LoadModel(options));
  for (const std::string& warning : loaded.warnings) {
    std::fprintf(stderr, "pass-bench: warning: %s\n", warning.c_str());
  }
  return loaded;
}

absl::Status RunCost(const Flags& flags) {
  PASS_ASSIGN_OR_RETURN(const LoadedModel loaded, Load(flags));
  const Subject subject = SubjectOf(flags, *loaded.model);
  PASS_ASSIGN_OR_RETURN(const std::vector<Cost> costs, MeasureCosts(*loaded.model, flags.cost));
  std::fputs(MarkdownOf(subject, flags.cost.context, costs).c_str(), stdout);
  return flags.json.empty() ? absl::OkStatus()
                            : WriteJson(flags.json, JsonOf(subject, flags.cost.context, costs));
}

absl::Status RunCompare(const Flags& flags) {
  PASS_ASSIGN_OR_RETURN(const TextModel text, LoadTextModel(flags.load.model_path));
  std::vector<PromptSet> sets;
  for (const std::string& path : flags.prompts) {
    PASS_ASSIGN_OR_RETURN(PromptSet set, LoadPromptSet(path, text, flags.limit));
    sets.push_back(std::move(set));
  }
  CompareOptions options = flags.compare;
  for (const std::string& name : flags.samplings) {
    PASS_ASSIGN_OR_RETURN(Sampling sampling, ParseSampling(name));
    options.samplings.push_back(std::move(sampling));
  }
  PASS_ASSIGN_OR_RETURN(const LoadedModel loaded, Load(flags));
  for (const std::string& name : flags.methods) {
    PASS_ASSIGN_OR_RETURN(const Variant variant, ParseVariant(name, loaded.model->info().num_lookahead));
    if (variant.lookahead > loaded.model->info().num_lookahead) {
      return absl::InvalidArgumentError(name + " wants more look-ahead tokens than --lookahead-file has");
    }
    options.variants.push_back(variant);
  }
  const Subject subject = SubjectOf(flags, *loaded.model);
  const SystemClock clock;
  const auto progress = [](std::string_view line) {
    std::fprintf(stderr, "pass-bench: %s\n", std::string(line).c_str());
  };
  PASS_ASSIGN_OR_RETURN(const Comparison comparison,
                        Compare(*loaded.model, text, sets, options, clock, progress));
  std::fputs(MarkdownOf(subject, options, comparison).c_str(), stdout);
  return flags.json.empty() ? absl::OkStatus() : WriteJson(flags.json, JsonOf(subject, options, comparison));
}

CLI::App* AddCommand(CLI::App& app, const std::string& name, const std::string& description, Flags& flags) {
  CLI::App* command = app.add_subcommand(name, description);
  command->add_option("--model", flags.load.model_path, "GGUF file or Hugging Face folder")->required();
  command->add_option("--lookahead-file", flags.load.lookahead_path, "look-ahead tokens");
  command->add_option("--threads", flags.load.num_threads, "threads of the model; 0: one per core");
  command->add_flag("--fp32", flags.fp32, "compute in fp32");
  command->add_option("--json", flags.json, "file for the figures as JSON");
  return command;
}

CLI::App* AddCost(CLI::App& app, Flags& flags) {
  CLI::App* cost = AddCommand(app, "cost", "time of a forward over 1 to 32 rows", flags);
  cost->add_option("--context", flags.cost.context, "committed tokens before the rows");
  cost->add_option("--repetitions", flags.cost.repetitions, "forwards for each number of rows");
  cost->add_option("--rows", flags.cost.rows, "numbers of rows");
  return cost;
}

CLI::App* AddCompare(CLI::App& app, Flags& flags) {
  CLI::App* compare =
      AddCommand(app, "compare", "methods beside plain decoding, prompt by prompt in turns", flags);
  compare->add_option("--prompts", flags.prompts, "files of prompts")->capture_default_str();
  compare->add_option("--limit", flags.limit, "first prompts of each file; 0: all");
  compare->add_option("--methods", flags.methods, "methods, each with :L behind it if L is not the file's")
      ->capture_default_str();
  compare
      ->add_option("--sampling", flags.samplings,
                   "greedy, or t<temperature>-k<top-k>-p<top-p>-m<min-p>, parts left out")
      ->capture_default_str();
  compare->add_option("--batch", flags.compare.batches, "prompts in flight")->check(CLI::Range(1, 64));
  compare->add_option("--tokens", flags.compare.tokens, "tokens of a completion")->check(CLI::Range(1, 4096));
  compare->add_option("--repetitions", flags.compare.repetitions, "times over all prompts")
      ->check(CLI::Range(1, 1000));
  compare->add_option("--warm-up", flags.compare.warm_up, "units that each method runs before")
      ->check(CLI::Range(0, 1000));
  compare->add_option("--seed", flags.compare.seed, "of the draws");
  return compare;
}

}  // namespace
}  // namespace pass::bench

int main(int argc, char** argv) {
  CLI::App app("Measurements of the model and its decoding, without gRPC", "pass-bench");
  app.require_subcommand(1);
  pass::bench::Flags flags;
  const CLI::App* cost = pass::bench::AddCost(app, flags);
  pass::bench::AddCompare(app, flags);
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = cost->parsed() ? pass::bench::RunCost(flags) : pass::bench::RunCompare(flags);
  if (status.ok()) return 0;
  std::fprintf(stderr, "pass-bench: %s\n", std::string(status.message()).c_str());
  return 1;
}
