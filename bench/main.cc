// pass-bench: measurements that run in the server's own process, without gRPC.
//   pass-bench cost --model M    t(rows) as a Markdown table, with the CPU and its memory bandwidth
#include <CLI/CLI.hpp>
#include <cstdio>

#include "bench/cost_table.h"
#include "bench/machine.h"
#include "core/base/status_macros.h"
#include "core/model/load.h"

namespace pass::bench {
namespace {

absl::Status PrintCosts(const LoadOptions& load, const CostOptions& options) {
  PASS_ASSIGN_OR_RETURN(LoadedModel loaded, LoadModel(load));
  PASS_ASSIGN_OR_RETURN(const std::vector<Cost> costs, MeasureCosts(*loaded.model, options));
  const ModelInfo& info = loaded.model->info();
  std::printf("%s, %s, %s, LibTorch %s, %s, memory reads %.0f GB/s by 2 threads, context %d\n\n",
              info.name.c_str(), info.fingerprint.c_str(), info.dtype.c_str(), LibTorchVersion().c_str(),
              CpuModel().c_str(), MemoryReadBandwidth(2) / 1e9, options.context);
  std::printf("| rows | median ms | fastest ms | t(rows)/t(1) |\n| --- | --- | --- | --- |\n");
  for (const Cost& cost : costs) {
    std::printf("| %d | %.2f | %.2f | %.2f |\n", cost.rows, cost.median_seconds * 1e3,
                cost.fastest_seconds * 1e3, cost.median_seconds / costs.front().median_seconds);
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace pass::bench

int main(int argc, char** argv) {
  CLI::App app("Measurements of the model's step, without gRPC", "pass-bench");
  app.require_subcommand(1);
  pass::LoadOptions load;
  pass::bench::CostOptions options;
  bool fp32 = false;
  CLI::App* cost = app.add_subcommand("cost", "time of a forward over 1 to 32 rows");
  cost->add_option("--model", load.model_path, "GGUF file or Hugging Face folder")->required();
  cost->add_option("--threads", load.num_threads, "threads of the model; 0: one per core");
  cost->add_option("--context", options.context, "committed tokens before the rows");
  cost->add_option("--repetitions", options.repetitions, "forwards for each number of rows");
  cost->add_option("--rows", options.rows, "numbers of rows");
  cost->add_flag("--fp32", fp32, "compute in fp32");
  CLI11_PARSE(app, argc, argv);
  if (fp32) load.compute_type = pass::ComputeType::kFp32;
  const absl::Status status = pass::bench::PrintCosts(load, options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "pass-bench: %s\n", std::string(status.message()).c_str());
  return 1;
}
