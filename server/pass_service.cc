#include "server/pass_service.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "core/base/check.h"
#include "core/base/status_macros.h"
#include "core/text/stream_decoder.h"
#include "server/complete_reactor.h"
#include "server/config.h"
#include "server/logging.h"
#include "server/prompt.h"
#include "server/status_conversion.h"
#include "server/stream_reactor.h"
#include "server/translate.h"

namespace pass {
namespace {

// A stream that only says no.
class RefusedStream final : public grpc::ServerWriteReactor<v1::GenerateResponse> {
 public:
  explicit RefusedStream(grpc::Status status) { Finish(std::move(status)); }
  void OnDone() override { delete this; }
};

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

const char* ChatFormatName(ChatFormat format) {
  switch (format) {
    case ChatFormat::kChatMl:
      return "chatml";
    case ChatFormat::kLlama3:
      return "llama3";
    case ChatFormat::kNone:
      break;
  }
  return "none";
}

absl::Status TooLong(const char* field, int64_t limit, const char* unit) {
  Violations violations;
  violations.Add(field, absl::StrCat("at most ", limit, " ", unit));
  return violations.ToStatus();
}

}  // namespace

PassService::PassService(const ServiceOptions& options, Metrics* metrics, const Clock* clock)
    : options_(options), metrics_(metrics), clock_(clock) {}
PassService::~PassService() = default;

void PassService::Serve(const ServedModel* model, EngineThread* engine) {
  PASS_CHECK(owned_backend_ == nullptr);
  owned_backend_ =
      std::make_unique<Backend>(Backend{.model = model,
                                        .environment = {.engine = engine,
                                                        .metrics = metrics_,
                                                        .clock = clock_,
                                                        .ids = &ids_,
                                                        .outbox_tokens = options_.outbox_tokens}});
  backend_.store(owned_backend_.get());
}

absl::StatusOr<const PassService::Backend*> PassService::Available() const {
  if (draining_.load()) return DrainingError();
  const Backend* backend = backend_.load();
  if (backend == nullptr) return LoadingError();
  return backend;
}

absl::StatusOr<GenerationRequest> PassService::Admit(const grpc::CallbackServerContext& context,
                                                     const v1::GenerateRequest& request,
                                                     const Backend& backend) {
  const absl::Time received = clock_->Now();
  const absl::Time deadline = DeadlineOf(context);
  if (deadline <= received) return DeadlinePassedError();
  PASS_ASSIGN_OR_RETURN(GenerationRequest translated, Translate(request, *backend.model, options_.limits));
  translated.received = received;
  translated.deadline = deadline;
  if (!ids_.Insert(translated.id)) return DuplicateIdError();
  return translated;
}

grpc::Status PassService::Reject(const absl::Status& status, grpc::CallbackServerContext* context,
                                 const char* call) {
  metrics_->CountRejected(ReasonOf(status.code(), draining_.load()));
  Log(LogLevel::kInfo, "request",
      {{"peer", context->peer()},
       {"call", std::string(call)},
       {"outcome", std::string("rejected")},
       {"code", absl::StatusCodeToString(status.code())},
       {"error", std::string(status.message())}});
  return ToGrpcStatus(status, context);
}

grpc::ServerWriteReactor<v1::GenerateResponse>* PassService::Generate(grpc::CallbackServerContext* context,
                                                                      const v1::GenerateRequest* request) {
  const auto start = [&]() -> absl::StatusOr<StreamReactor*> {
    PASS_ASSIGN_OR_RETURN(const Backend* backend, Available());
    PASS_ASSIGN_OR_RETURN(GenerationRequest translated, Admit(*context, *request, *backend));
    return StreamReactor::Start(backend->environment, context, std::move(translated));
  };
  absl::StatusOr<StreamReactor*> reactor = start();
  if (reactor.ok()) return *reactor;
  return new RefusedStream(Reject(reactor.status(), context, "Generate"));
}

grpc::ServerUnaryReactor* PassService::Complete(grpc::CallbackServerContext* context,
                                                const v1::GenerateRequest* request,
                                                v1::CompleteResponse* response) {
  const auto start = [&]() -> absl::StatusOr<CompleteReactor*> {
    PASS_ASSIGN_OR_RETURN(const Backend* backend, Available());
    PASS_ASSIGN_OR_RETURN(GenerationRequest translated, Admit(*context, *request, *backend));
    return CompleteReactor::Start(backend->environment, context, std::move(translated), response);
  };
  absl::StatusOr<CompleteReactor*> reactor = start();
  if (reactor.ok()) return *reactor;
  grpc::ServerUnaryReactor* refused = context->DefaultReactor();
  refused->Finish(Reject(reactor.status(), context, "Complete"));
  return refused;
}

grpc::ServerUnaryReactor* PassService::Tokenize(grpc::CallbackServerContext* context,
                                                const v1::TokenizeRequest* request,
                                                v1::TokenizeResponse* response) {
  const auto answer = [&]() -> absl::Status {
    PASS_ASSIGN_OR_RETURN(const Backend* backend, Available());
    const int64_t limit = options_.limits.max_prompt_bytes;
    if (static_cast<int64_t>(request->text().size()) > limit) return TooLong("text", limit, "bytes");
    const Tokenizer& tokenizer = *backend->model->text.tokenizer;
    const bool add_bos = request->has_add_bos() ? request->add_bos() : tokenizer.add_bos();
    const auto ids = EncodeText(request->text(), tokenizer, add_bos, request->parse_control());
    if (!ids.ok()) return ClientError(ids.status(), "Tokenize");
    response->mutable_token_ids()->Assign(ids->begin(), ids->end());
    return absl::OkStatus();
  };
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(answer(), context));
  return reactor;
}

grpc::ServerUnaryReactor* PassService::Detokenize(grpc::CallbackServerContext* context,
                                                  const v1::DetokenizeRequest* request,
                                                  v1::DetokenizeResponse* response) {
  const auto answer = [&]() -> absl::Status {
    PASS_ASSIGN_OR_RETURN(const Backend* backend, Available());
    const int64_t limit = options_.limits.max_prompt_bytes;
    if (request->token_ids_size() > limit) return TooLong("token_ids", limit, "ids");
    Violations violations;
    CheckTokenIds(request->token_ids(), backend->model->info.vocab_size, "token_ids", &violations);
    PASS_RETURN_IF_ERROR(violations.ToStatus());
    StreamDecoderOptions options;
    options.skip_special_tokens = request->skip_special_tokens();
    StreamDecoder decoder(backend->model->text.tokenizer.get(), options);
    std::string* text = response->mutable_text();
    for (const TokenId id : request->token_ids()) text->append(decoder.Push(id).text);
    text->append(decoder.Flush());
    return absl::OkStatus();
  };
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(answer(), context));
  return reactor;
}

grpc::ServerUnaryReactor* PassService::GetModelInfo(grpc::CallbackServerContext* context,
                                                    const v1::GetModelInfoRequest* /*request*/,
                                                    v1::GetModelInfoResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const absl::StatusOr<const Backend*> backend = Available();
  if (!backend.ok()) {
    reactor->Finish(ToGrpcStatus(backend.status(), context));
    return reactor;
  }
  const ServedModel& model = *(*backend)->model;
  response->set_model(model.info.name);
  response->set_architecture(model.info.architecture);
  response->set_dtype(model.info.dtype);
  response->set_device(model.info.device);
  response->set_fingerprint(model.info.fingerprint);
  response->set_vocab_size(model.info.vocab_size);
  response->set_context_length(model.max_sequence_tokens);
  response->set_lookahead(model.info.num_lookahead);
  response->set_chat_format(ChatFormatName(model.text.chat_template.format));
  response->mutable_end_of_sequence_ids()->Assign(model.text.end_of_sequence_ids.begin(),
                                                  model.text.end_of_sequence_ids.end());
  response->add_methods("auto");
  response->add_methods("plain");
  response->add_methods("tree");
  if (model.info.num_lookahead > 0) response->add_methods("pass");
  response->set_server_version(ServerVersion());
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace pass
