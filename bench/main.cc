// pass-bench: measurements that run in the server's own process, without gRPC.
//   pass-bench cost --model M       t(rows), the time of a forward over so many rows
//   pass-bench compare --model M    methods beside plain decoding, over sets of prompts
//   pass-bench verify --model M     that no method changes a byte; exit code 1 if one does
//   pass-bench greedy --model M     greedy text beside that of the CPU in fp32; exit code 1 if they differ by more than ties
//   pass-bench quality --model M    perplexity and agreement of --weights beside those of the compute type, or of that beside fp32
// Markdown on stdout, progress on stderr, JSON in a file if asked for.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/compare.h"
#include "bench/greedy.h"
#include "bench/quality.h"
#include "bench/report.h"
#include "bench/verify.h"
#include "core/base/status_macros.h"
#include "core/engine/speculation/measure_costs.h"
#include "core/model/load.h"

namespace pass::bench {
namespace {

struct Flags {
  LoadOptions load;
  bool fp32 = false;
  std::string weights;
  std::string json;
  MeasureOptions cost = {
      .rows = {1, 2, 4, 6, 8, 12, 16, 24, 32}, .prefix = 256, .repetitions = 40, .rows_per_lookahead = 0};
  CompareOptions compare;
  std::vector<std::string> prompts = {"bench/prompts/code.txt", "bench/prompts/prose.txt",
                                      "bench/prompts/chat.txt"};
  int limit = 0;
  std::vector<std::string> methods = {"pass", "tree", "auto"};
  std::vector<std::string> samplings = {"greedy"};
  VerifyOptions verify;
  int count = 208;
  int greedy_tokens = 64;
  double tolerance = 0.01;
  std::vector<std::string> verified_methods = {"plain", "pass", "tree", "auto"};
  std::vector<std::string> verified_samplings = {"greedy", "t0.8-k10", "t1-p0.9-m0.05"};
};

Subject SubjectOf(const Flags& flags, const LoadedModel& loaded) {
  return {.model = loaded.model->info(),
          .lookahead_file = std::filesystem::path(flags.load.lookahead_path).filename().string(),
          .libtorch = LibTorchVersion(),
          .date = absl::FormatTime("%Y-%m-%d", absl::Now(), absl::UTCTimeZone()),
          .machine = DescribeMachine(flags.load.num_threads, InstructionSet()),
          .num_weights = loaded.num_weights,
          .instruction_set = InstructionSet()};
}

absl::StatusOr<LoadedModel> Load(const Flags& flags) {
  LoadOptions options = flags.load;
  if (flags.fp32) options.compute_type = ComputeType::kFp32;
  options.weights = *WeightTypeOfName(flags.weights);
  PASS_ASSIGN_OR_RETURN(LoadedModel loaded, LoadModel(options));
  for (const std::string& warning : loaded.warnings) {
    std::fprintf(stderr, "pass-bench: warning: %s\n", warning.c_str());
  }
  for (const std::string& notice : loaded.notices) std::fprintf(stderr, "pass-bench: %s\n", notice.c_str());
  return loaded;
}

absl::Status RunCost(const Flags& flags) {
  PASS_ASSIGN_OR_RETURN(const LoadedModel loaded, Load(flags));
  const Subject subject = SubjectOf(flags, loaded);
  PASS_ASSIGN_OR_RETURN(const std::vector<ForwardCost> costs,
                        MeasureForwards(*loaded.model, SystemClock(), flags.cost));
  std::fputs(MarkdownOf(subject, flags.cost.prefix, costs).c_str(), stdout);
  return flags.json.empty() ? absl::OkStatus()
                            : WriteJson(flags.json, JsonOf(subject, flags.cost.prefix, costs));
}

absl::StatusOr<std::vector<PromptSet>> LoadPrompts(const Flags& flags, const TextModel& text) {
  std::vector<PromptSet> sets;
  for (const std::string& path : flags.prompts) {
    PASS_ASSIGN_OR_RETURN(PromptSet set, LoadPromptSet(path, text, flags.limit));
    sets.push_back(std::move(set));
  }
  return sets;
}

absl::StatusOr<std::vector<Sampling>> ParseSamplings(const std::vector<std::string>& names) {
  std::vector<Sampling> samplings;
  for (const std::string& name : names) {
    PASS_ASSIGN_OR_RETURN(Sampling sampling, ParseSampling(name));
    samplings.push_back(std::move(sampling));
  }
  return samplings;
}

absl::StatusOr<std::vector<Variant>> ParseVariants(const std::vector<std::string>& names,
                                                   const ModelInfo& model) {
  std::vector<Variant> variants;
  for (const std::string& name : names) {
    PASS_ASSIGN_OR_RETURN(const Variant variant, ParseVariant(name, model.num_lookahead));
    if (variant.lookahead > model.num_lookahead) {
      return absl::InvalidArgumentError(name + " wants more look-ahead tokens than --lookahead-file has");
    }
    variants.push_back(variant);
  }
  return variants;
}

// What compare and verify run on.
struct Inputs {
  TextModel text;
  std::vector<PromptSet> sets;
  std::vector<Sampling> samplings;
  LoadedModel loaded;
  std::vector<Variant> variants;
};

// What costs least to read comes first, so that a wrong flag shows before the model is loaded.
absl::StatusOr<Inputs> ReadInputs(const Flags& flags, const std::vector<std::string>& samplings,
                                  const std::vector<std::string>& methods) {
  Inputs inputs;
  PASS_ASSIGN_OR_RETURN(inputs.text, LoadTextModel(flags.load.model_path));
  PASS_ASSIGN_OR_RETURN(inputs.sets, LoadPrompts(flags, inputs.text));
  PASS_ASSIGN_OR_RETURN(inputs.samplings, ParseSamplings(samplings));
  PASS_ASSIGN_OR_RETURN(inputs.loaded, Load(flags));
  PASS_ASSIGN_OR_RETURN(inputs.variants, ParseVariants(methods, inputs.loaded.model->info()));
  return inputs;
}

absl::Status RunCompare(const Flags& flags) {
  PASS_ASSIGN_OR_RETURN(const Inputs inputs, ReadInputs(flags, flags.samplings, flags.methods));
  CompareOptions options = flags.compare;
  options.samplings = inputs.samplings;
  options.variants = inputs.variants;
  const Subject subject = SubjectOf(flags, inputs.loaded);
  const SystemClock clock;
  const auto progress = [](std::string_view line) {
    std::fprintf(stderr, "pass-bench: %s\n", std::string(line).c_str());
  };
  PASS_ASSIGN_OR_RETURN(const Comparison comparison,
                        Compare(*inputs.loaded.model, inputs.text, inputs.sets, options, clock, progress));
  std::fputs(MarkdownOf(subject, options, comparison).c_str(), stdout);
  return flags.json.empty() ? absl::OkStatus() : WriteJson(flags.json, JsonOf(subject, options, comparison));
}

void Print(const VerifyResult& result) {
  std::printf(
      "%s: %d differences in %d completions and %d cut off, %.2f tokens/forward\n", result.name.c_str(),
      result.different, result.compared, result.cut_off,
      static_cast<double>(result.tokens) / static_cast<double>(std::max<int64_t>(result.forwards, 1)));
  if (result.different > 0) std::printf("  %s\n", result.difference.c_str());
  std::fflush(stdout);
}

absl::Status RunVerify(const Flags& flags) {
  PASS_ASSIGN_OR_RETURN(const Inputs inputs,
                        ReadInputs(flags, flags.verified_samplings, flags.verified_methods));
  VerifyOptions options = flags.verify;
  options.samplings = inputs.samplings;
  options.variants = inputs.variants;
  const SystemClock clock;
  const Subject subject = SubjectOf(flags, inputs.loaded);
  std::vector<VerifyResult> shown;
  absl::Status written;
  // The file grows with the results, so that one that is cut off holds those before.
  const auto show = [&](const VerifyResult& result) {
    Print(result);
    shown.push_back(result);
    if (!flags.json.empty()) written.Update(WriteJson(flags.json, JsonOf(subject, options, shown)));
  };
  PASS_ASSIGN_OR_RETURN(const std::vector<VerifyResult> results,
                        Verify(*inputs.loaded.model, inputs.text, PromptsToVerify(inputs.sets, flags.count),
                               options, clock, show));
  PASS_RETURN_IF_ERROR(written);
  int compared = 0, different = 0;
  for (const VerifyResult& result : results) {
    compared += result.compared + result.cut_off;
    different += result.different;
  }
  std::printf("%d differences in %d outputs\n", different, compared);
  if (different > 0)
    return absl::DataLossError("the output depends on the method or on the batch: a bug, please report it");
  if (compared == 0)
    return absl::InvalidArgumentError("nothing was compared: give --methods that promise plain's output");
  return absl::OkStatus();
}

// The reference is the same file on the CPU, in fp32.
absl::Status RunGreedy(const Flags& flags) {
  PASS_ASSIGN_OR_RETURN(const Inputs inputs, ReadInputs(flags, {}, {}));
  Flags exact = flags;
  exact.load.device = "cpu";
  exact.load.lookahead_path.clear();
  exact.weights.clear();
  exact.fp32 = true;
  PASS_ASSIGN_OR_RETURN(const LoadedModel reference, Load(exact));
  const Subject subject = SubjectOf(flags, inputs.loaded);
  PASS_ASSIGN_OR_RETURN(const std::vector<GreedyAgreement> agreements,
                        CompareGreedy(*reference.model, *inputs.loaded.model, inputs.text, inputs.sets,
                                      flags.greedy_tokens, SystemClock()));
  std::fputs(MarkdownOf(subject, flags.greedy_tokens, agreements).c_str(), stdout);
  if (!flags.json.empty()) {
    PASS_RETURN_IF_ERROR(WriteJson(flags.json, JsonOf(subject, flags.greedy_tokens, agreements)));
  }
  for (const GreedyAgreement& agreement : agreements) {
    if (agreement.largest_gap > flags.tolerance) {
      return absl::DataLossError(absl::StrCat(agreement.name, ": a token is ", agreement.largest_gap,
                                              " nats less likely than the reference's, more than ",
                                              "--tolerance ", flags.tolerance,
                                              ": the device or the compute type computes something else"));
    }
  }
  return absl::OkStatus();
}

// The reference is the same model without --weights, or in fp32 if there are none.
absl::Status RunQuality(const Flags& flags) {
  if (flags.weights.empty() && flags.fp32) {
    return absl::InvalidArgumentError("fp32 is the reference itself: give --weights, or leave --fp32 out");
  }
  PASS_ASSIGN_OR_RETURN(const Inputs inputs, ReadInputs(flags, {}, {}));
  Flags plain = flags;
  plain.fp32 = flags.fp32 || flags.weights.empty();
  plain.weights.clear();
  PASS_ASSIGN_OR_RETURN(const LoadedModel reference, Load(plain));
  PASS_ASSIGN_OR_RETURN(const std::vector<Quality> qualities,
                        MeasureQuality(*reference.model, *inputs.loaded.model, inputs.sets));
  std::fputs(MarkdownOf(qualities).c_str(), stdout);
  return absl::OkStatus();
}

CLI::App* AddCommand(CLI::App& app, const std::string& name, const std::string& description, Flags& flags) {
  CLI::App* command = app.add_subcommand(name, description);
  command->add_option("--model", flags.load.model_path, "GGUF file or Hugging Face folder")->required();
  command->add_option("--lookahead-file", flags.load.lookahead_path, "look-ahead tokens");
  command->add_option("--device", flags.load.device, "cpu, cuda or cuda:N")->capture_default_str();
  command->add_option("--threads", flags.load.num_threads, "threads of the model; 0: one per core");
  command->add_flag("--fp32", flags.fp32, "compute in fp32");
  command->add_option("--weights", flags.weights, "w8, w4 or as-stored; without: in the compute type")
      ->check(CLI::IsMember(std::vector<std::string>(kWeightTypeNames.begin() + 1, kWeightTypeNames.end())));
  command->add_option("--json", flags.json, "file for the figures as JSON");
  return command;
}

CLI::App* AddCost(CLI::App& app, Flags& flags) {
  CLI::App* cost = AddCommand(app, "cost", "time of a forward over 1 to 32 rows", flags);
  cost->add_option("--context", flags.cost.prefix, "committed tokens before the rows");
  cost->add_option("--repetitions", flags.cost.repetitions, "forwards for each number of rows");
  cost->add_option("--rows", flags.cost.rows, "numbers of rows");
  cost->add_option("--lookahead-every", flags.cost.rows_per_lookahead,
                   "one row in so many is a look-ahead row; 0: none");
  cost->add_flag("!--no-shortlists", flags.cost.shortlists,
                 "look-ahead rows give no drafts, so that their share of the output layer shows");
  return cost;
}

void AddPrompts(CLI::App* command, Flags& flags) {
  command->add_option("--prompts", flags.prompts, "files of prompts")->capture_default_str();
  command->add_option("--limit", flags.limit, "first prompts of each file; 0: all");
}

CLI::App* AddVerify(CLI::App& app, Flags& flags) {
  CLI::App* verify = AddCommand(app, "verify", "that no method and no batch changes a byte", flags);
  AddPrompts(verify, flags);
  verify->add_option("--count", flags.count, "prompts; more than there are: beginnings of them too")
      ->capture_default_str();
  verify->add_option("--methods", flags.verified_methods, "methods to compare with plain")
      ->capture_default_str();
  verify->add_option("--sampling", flags.verified_samplings, "as for compare")->capture_default_str();
  verify->add_option("--batch", flags.verify.batch, "sequences in flight")->check(CLI::Range(1, 64));
  verify->add_option("--tokens", flags.verify.tokens, "tokens of a completion")->check(CLI::Range(1, 4096));
  verify->add_option("--seed", flags.verify.seed, "of the draws, the arrivals and the cancels");
  return verify;
}

CLI::App* AddCompare(CLI::App& app, Flags& flags) {
  CLI::App* compare =
      AddCommand(app, "compare", "methods beside plain decoding, prompt by prompt in turns", flags);
  AddPrompts(compare, flags);
  compare
      ->add_option("--methods", flags.methods,
                   "plain, pass, tree or auto, with :L,rows=N,no-text behind it where that differs")
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

CLI::App* AddGreedy(CLI::App& app, Flags& flags) {
  CLI::App* greedy = AddCommand(app, "greedy", "greedy text beside that of the CPU in fp32", flags);
  AddPrompts(greedy, flags);
  greedy->add_option("--tokens", flags.greedy_tokens, "tokens of a text")->check(CLI::Range(1, 4096));
  greedy->add_option("--tolerance", flags.tolerance, "nats that a tie may span")->capture_default_str();
  return greedy;
}

CLI::App* AddQuality(CLI::App& app, Flags& flags) {
  CLI::App* quality = AddCommand(
      app, "quality",
      "how near --weights is to the compute type, or without it the compute type to fp32, over texts", flags);
  AddPrompts(quality, flags);
  return quality;
}

}  // namespace
}  // namespace pass::bench

int main(int argc, char** argv) {
  CLI::App app("Measurements of the model and its decoding, without gRPC", "pass-bench");
  app.require_subcommand(1);
  pass::bench::Flags flags;
  const CLI::App* cost = pass::bench::AddCost(app, flags);
  const CLI::App* verify = pass::bench::AddVerify(app, flags);
  const CLI::App* greedy = pass::bench::AddGreedy(app, flags);
  const CLI::App* quality = pass::bench::AddQuality(app, flags);
  pass::bench::AddCompare(app, flags);
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = cost->parsed()      ? pass::bench::RunCost(flags)
                              : verify->parsed()  ? pass::bench::RunVerify(flags)
                              : greedy->parsed()  ? pass::bench::RunGreedy(flags)
                              : quality->parsed() ? pass::bench::RunQuality(flags)
                                                  : pass::bench::RunCompare(flags);
  if (status.ok()) return 0;
  std::fprintf(stderr, "pass-bench: %s\n", std::string(status.message()).c_str());
  return 1;
}
