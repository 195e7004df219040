#include "server/complete_reactor.h"

#include <utility>

#include "core/base/status_macros.h"
#include "server/reply.h"
#include "server/status_conversion.h"

namespace pass {

CompleteReactor::CompleteReactor(const CallEnvironment& environment, grpc::CallbackServerContext* context,
                                 const GenerationRequest& request, v1::CompleteResponse* response)
    : context_(context), response_(response), call_(environment, *context, request, "Complete") {}

absl::StatusOr<CompleteReactor*> CompleteReactor::Start(const CallEnvironment& environment,
                                                        grpc::CallbackServerContext* context,
                                                        GenerationRequest request,
                                                        v1::CompleteResponse* response) {
  std::shared_ptr<CompleteReactor> reactor(new CompleteReactor(environment, context, request, response));
  PASS_RETURN_IF_ERROR(reactor->call_.Submit(std::move(request), reactor));
  CompleteReactor* const bound = reactor.get();
  bound->self_ = std::move(reactor);
  return bound;
}

void CompleteReactor::OnStep(const StepReport& report) {
  response_->mutable_token_ids()->Add(report.token_ids.begin(), report.token_ids.end());
  response_->mutable_text()->append(report.text);
}

void CompleteReactor::OnFinish(const FinishReport& report) {
  const GenerationCall::End end = call_.Finish(report);
  SetFinish(report, response_->mutable_finish());
  Finish(ToGrpcStatus(end.status, context_));
}

void CompleteReactor::OnCancel() { call_.Cancel(); }

void CompleteReactor::OnDone() {
  call_.LogEnd();
  const std::shared_ptr<CompleteReactor> last_use = std::move(self_);
}

}  // namespace pass
