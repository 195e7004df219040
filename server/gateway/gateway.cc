#include "server/gateway/gateway.h"

#include <chrono>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "core/base/check.h"
#include "core/base/status_macros.h"
#include "server/logging.h"
#include "server/status_conversion.h"

namespace pass {
namespace {

absl::Time DeadlineOf(const grpc::CallbackServerContext& context) {
  const std::chrono::system_clock::time_point deadline = context.deadline();
  return deadline == std::chrono::system_clock::time_point::max() ? absl::InfiniteFuture()
                                                                  : absl::FromChrono(deadline);
}

RejectionReason ReasonOf(absl::StatusCode code, bool draining) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return RejectionReason::kInvalid;
    case absl::StatusCode::kNotFound:
      return RejectionReason::kUnknownModel;
    case absl::StatusCode::kFailedPrecondition:
      return RejectionReason::kFailedPrecondition;
    case absl::StatusCode::kResourceExhausted:
      return RejectionReason::kQueueFull;
    case absl::StatusCode::kUnavailable:
      return draining ? RejectionReason::kDraining : RejectionReason::kLoading;
    case absl::StatusCode::kDeadlineExceeded:
      return RejectionReason::kDeadline;
    case absl::StatusCode::kAlreadyExists:
      return RejectionReason::kDuplicateId;
    default:
      return RejectionReason::kInternal;
  }
}

}  // namespace

struct Gateway::Backend {
  Backend(const ServedModel* served, EngineThread* engine, Metrics* metrics, const Clock* clock,
          int outbox_tokens)
      : model(served),
        requests(std::make_unique<RequestTable>(engine)),
        environment{.engine = engine,
                    .requests = requests.get(),
                    .metrics = metrics,
                    .clock = clock,
                    .outbox_tokens = outbox_tokens} {}

  const ServedModel* const model;
  const std::unique_ptr<RequestTable> requests;
  const CallEnvironment environment;
};

Gateway::Gateway(const GatewayOptions& options, Metrics* metrics, const Clock* clock)
    : options_(options), metrics_(metrics), clock_(clock) {}
Gateway::~Gateway() = default;

void Gateway::Serve(const ServedModel* model, EngineThread* engine) {
  PASS_CHECK(owned_backend_ == nullptr);
  owned_backend_ = std::make_unique<const Backend>(model, engine, metrics_, clock_, options_.outbox_tokens);
  backend_.store(owned_backend_.get());
}

absl::StatusOr<const Gateway::Backend*> Gateway::AvailableBackend() const {
  if (draining_.load()) return DrainingError();
  const Backend* backend = backend_.load();
  if (backend == nullptr) return LoadingError();
  return backend;
}

absl::StatusOr<const ServedModel*> Gateway::Available() const {
  PASS_ASSIGN_OR_RETURN(const Backend* backend, AvailableBackend());
  return backend->model;
}

absl::StatusOr<Gateway::Admission> Gateway::Admit(const grpc::CallbackServerContext& context,
                                                  Translation translate) const {
  PASS_ASSIGN_OR_RETURN(const Backend* backend, AvailableBackend());
  const absl::Time received = clock_->Now();
  const absl::Time deadline = DeadlineOf(context);
  if (deadline <= received) return DeadlinePassedError();
  PASS_ASSIGN_OR_RETURN(GenerationRequest request, translate(*backend->model));
  if (NeedsLookahead(request.method) && backend->model->info.num_lookahead == 0) {
    return NoLookaheadError(MethodName(request.method));
  }
  request.received = received;
  request.deadline = deadline;
  return Admission{.environment = &backend->environment, .request = std::move(request)};
}

grpc::Status Gateway::Reject(const absl::Status& status, grpc::CallbackServerContext* context,
                             const char* call) const {
  metrics_->CountRejected(ReasonOf(status.code(), draining_.load()));
  metrics_->CountStatus(status.code());
  Log(LogLevel::kInfo, "request",
      {{"peer", context->peer()},
       {"call", std::string(call)},
       {"outcome", std::string("rejected")},
       {"code", absl::StatusCodeToString(status.code())},
       {"error", std::string(status.message())}});
  return ToGrpcStatus(status, context);
}

}  // namespace pass
