// pass-server: loads a model, serves it, and ends in order. Wires the concrete types; everything else is in
// the library.
#include <grpcpp/security/server_credentials.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/available_memory.h"
#include "core/base/status_macros.h"
#include "core/engine/engine_thread.h"
#include "core/model/load.h"
#include "server/config.h"
#include "server/descriptors.h"
#include "server/dialects/pass_v1/service.h"
#include "server/gateway/gateway.h"
#include "server/grpc_server.h"
#include "server/health.h"
#include "server/load_progress.h"
#include "server/logging.h"
#include "server/metrics.h"
#include "server/metrics_endpoint.h"
#include "server/model_choices.h"
#include "server/named_service.h"
#include "server/options_of_config.h"
#include "server/ready_file.h"
#include "server/shutdown_signal.h"
#include "server/vllm_metrics.h"
#include "server/warm_up.h"

namespace pass {
namespace {

// Beyond the drain: time for the last messages to leave, and for the process to end after that.
constexpr absl::Duration kLastMessages = absl::Seconds(2);
constexpr absl::Duration kEnding = absl::Seconds(10);

// The dialects that this server speaks, a line each.
std::vector<NamedService> Dialects(Gateway* gateway) {
  std::vector<NamedService> services;
  services.push_back(pass_v1::MakeService(gateway));
  return services;
}

void ReportModel(const ServerConfig& config, const ServedModel& model, const LoadedModel& loaded,
                 LoadClock* load_clock, Metrics* metrics) {
  for (const std::string& notice : loaded.notices) Log(LogLevel::kInfo, "model", {{"notice", notice}});
  for (const std::string& warning : loaded.warnings) Log(LogLevel::kWarning, "model", {{"warning", warning}});
  for (const std::string& warning : model.text.warnings)
    Log(LogLevel::kWarning, "text", {{"warning", warning}});
  for (const std::string& choice : OverruledChoices(config, model)) {
    Log(LogLevel::kWarning, "config", {{"warning", choice}});
  }
  for (const auto& [phase, seconds] : load_clock->Finish()) metrics->SetLoadSeconds(phase, seconds);
  metrics->SetBuildInfo({.version = ServerVersion(),
                         .torch = LibTorchVersion(),
                         .device = model.info.device,
                         .dtype = model.info.dtype,
                         .weights = model.info.weights,
                         .isa = InstructionSet(),
                         .model = model.info.name});
}

std::shared_ptr<const prometheus::Collectable> SeriesOf(const ServerConfig& config, const Metrics& metrics) {
  if (!config.vllm_metrics) return metrics.registry();
  return std::make_shared<VllmMetrics>(metrics.registry());
}

void DrainAndStop(const ServerConfig& config, const Clock& clock, Gateway* gateway, EngineThread* engine,
                  GrpcServer* server, MetricsEndpoint* endpoint) {
  if (const absl::Status removed = RemoveReadyFile(config.ready_file); !removed.ok()) {
    Log(LogLevel::kWarning, "ready_file", {{"error", std::string(removed.message())}});
  }
  Log(LogLevel::kInfo, "draining");
  server->SetReady(false);
  endpoint->SetReady(false);
  gateway->StopAccepting();
  const bool all_finished = engine->Drain(clock.Now() + config.drain_timeout);
  server->Shutdown(clock.Now() + kLastMessages);
  Log(LogLevel::kInfo, "stopped", {{"all_finished", all_finished}});
}

absl::Status Run(const ServerConfig& config) {
  ShutdownSignal shutdown(config.drain_timeout + kLastMessages + kEnding);
  const SystemClock clock;
  Metrics metrics(&clock);
  metrics.set_counting(false);
  Gateway gateway(GatewayOptionsOf(config), &metrics, &clock);

  RaiseDescriptorLimit();
  // The ports are open while the model loads: health says NOT_SERVING, calls get UNAVAILABLE.
  PASS_ASSIGN_OR_RETURN(const auto endpoint,
                        MetricsEndpoint::Start(config.metrics_listen, SeriesOf(config, metrics), &clock));
  PASS_ASSIGN_OR_RETURN(
      const auto server,
      GrpcServer::Start(GrpcServerOptionsOf(config), grpc::InsecureServerCredentials(), Dialects(&gateway)));
  // A file that an earlier run left would say that this one serves. Not before the addresses are this process's: until
  // then the file may be that of a server which runs.
  PASS_RETURN_IF_ERROR(RemoveReadyFile(config.ready_file));
  LoadClock load_clock(/*terminal=*/isatty(STDERR_FILENO) == 1);
  const auto progress = [&](std::string_view phase, double fraction) { load_clock.Report(phase, fraction); };
  // What can be wrong is found before the long work.
  PASS_RETURN_IF_ERROR(CheckMemory(config, AvailableMemory("/")));
  PASS_RETURN_IF_ERROR(CheckModel(LoadOptionsOf(config)));
  load_clock.Report("tokenizer", 0);
  PASS_ASSIGN_OR_RETURN(TextModel text, LoadTextModel(config.model));
  PASS_ASSIGN_OR_RETURN(const LoadedModel loaded, LoadModel(LoadOptionsOf(config), progress));
  PASS_ASSIGN_OR_RETURN(ServedModel model, MakeServedModel(*loaded.model, std::move(text)));
  model.info.name = ServedName(config, model.info.name);

  const EngineOptions engine_options = EngineOptionsOf(config);
  PASS_RETURN_IF_ERROR(engine_options.Validate());
  std::atomic<bool> model_lost = false;
  EngineThread engine(
      std::make_unique<Engine>(loaded.model.get(), model.text.tokenizer.get(), model.text.end_of_sequence_ids,
                               engine_options, &metrics, &clock),
      config.max_queue, &clock, [&] {
        model_lost = true;
        shutdown.Ask();
      });
  load_clock.Report("warm_up", 0);
  PASS_RETURN_IF_ERROR(WarmUp(model, WarmUpOptionsOf(config), clock, &engine));
  ReportModel(config, model, loaded, &load_clock, &metrics);
  metrics.SetKvCache(loaded.model->kv_usage());
  metrics.set_counting(true);

  const Liveness liveness(
      {}, &engine, [&server] { return server->CanAccept(); }, server->health(), &clock);
  // First: from the first request on, a signal must let it finish.
  shutdown.BecomeOrderly();
  gateway.Serve(&model, &engine);
  server->SetReady(true);
  endpoint->SetReady(true);
  absl::Status status;
  if (!config.ready_file.empty()) {
    status = WriteReadyFile(config.ready_file, server->address(), endpoint->address());
  }
  if (status.ok()) {
    Log(LogLevel::kInfo, "ready",
        {{"grpc", server->address()},
         {"metrics", endpoint->address()},
         {"model", model.info.name},
         {"lookahead", int64_t{model.info.num_lookahead}}});
    shutdown.Wait();
  }
  DrainAndStop(config, clock, &gateway, &engine, server.get(), endpoint.get());
  if (model_lost) status.Update(absl::InternalError("the device is lost; start the server anew"));
  return status;
}

}  // namespace
}  // namespace pass

int main(int argc, char** argv) {
  pass::ServerConfig config;
  const std::string build =
      "(LibTorch " + pass::LibTorchVersion() + ", CPU kernels " + pass::InstructionSet() + ")";
  if (const std::optional<int> code = pass::ParseCommandLine(argc, argv, &config, build)) return *code;
  absl::Status status = pass::ConfigureLogging(config.log_format, config.log_level);
  if (status.ok()) {
    pass::LogConfig(config);
    status = pass::Run(config);
  }
  if (!status.ok()) pass::Log(pass::LogLevel::kError, "failed", {{"error", std::string(status.message())}});
  return status.ok() ? 0 : 1;
}
