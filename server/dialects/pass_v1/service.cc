#include "server/dialects/pass_v1/service.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/base/token_id.h"
#include "core/base/utf8.h"
#include "core/text/text_model.h"
#include "pass_server/v1/generation.grpc.pb.h"
#include "proto/messages.h"
#include "server/config.h"
#include "server/dialects/pass_v1/prompt.h"
#include "server/dialects/pass_v1/reply.h"
#include "server/dialects/pass_v1/translate.h"
#include "server/dialects/pass_v1/unknown_fields.h"
#include "server/gateway/stream_reactor.h"
#include "server/gateway/unary_reactor.h"
#include "server/status_conversion.h"

namespace pass::pass_v1 {
namespace {

std::string AtMost(int64_t limit, const char* unit) { return absl::StrCat("at most ", limit, " ", unit); }

// The calls that need no engine: each fills its response.

absl::Status Tokenize(const Gateway& gateway, const v1::TokenizeRequest& request,
                      v1::TokenizeResponse* response) {
  PASS_ASSIGN_OR_RETURN(const ServedModel* model, gateway.Available());
  Violations violations;
  RefuseUnknownFields(request, "", &violations);
  const int64_t limit = gateway.limits().max_prompt_bytes;
  if (static_cast<int64_t>(request.text().size()) > limit) violations.Add("text", AtMost(limit, "bytes"));
  PASS_RETURN_IF_ERROR(violations.ToStatus());
  const Tokenizer& tokenizer = *model->text.tokenizer;
  const bool add_bos = request.has_add_bos() ? request.add_bos() : tokenizer.add_bos();
  const auto ids = EncodeText(request.text(), tokenizer, add_bos, request.parse_control());
  // The request has no id of its own to be found by in the log.
  if (!ids.ok()) return TextError(ids.status(), DrawRequestId());
  response->mutable_token_ids()->Assign(ids->begin(), ids->end());
  return absl::OkStatus();
}

absl::Status Detokenize(const Gateway& gateway, const v1::DetokenizeRequest& request,
                        v1::DetokenizeResponse* response) {
  PASS_ASSIGN_OR_RETURN(const ServedModel* model, gateway.Available());
  Violations violations;
  RefuseUnknownFields(request, "", &violations);
  const int64_t limit = gateway.limits().max_prompt_bytes;
  if (request.token_ids_size() > limit) {
    violations.Add("token_ids", AtMost(limit, "ids"));
  } else {
    CheckTokenIds(request.token_ids(), model->info.vocab_size, "token_ids", &violations);
  }
  PASS_RETURN_IF_ERROR(violations.ToStatus());
  const std::span<const TokenId> ids(request.token_ids().data(),
                                     static_cast<size_t>(request.token_ids_size()));
  response->set_text(ReplaceInvalidUtf8(
      model->text.tokenizer->Decode(ids, request.skip_special_tokens(), request.continues())));
  return absl::OkStatus();
}

absl::Status GetModelInfo(const Gateway& gateway, const v1::GetModelInfoRequest& request,
                          v1::GetModelInfoResponse* response) {
  PASS_ASSIGN_OR_RETURN(const ServedModel* model, gateway.Available());
  Violations violations;
  RefuseUnknownFields(request, "", &violations);
  PASS_RETURN_IF_ERROR(violations.ToStatus());
  const ModelInfo& info = model->info;
  response->set_model(info.name);
  response->set_architecture(info.architecture);
  response->set_dtype(info.dtype);
  response->set_device(info.device);
  response->set_fingerprint(info.fingerprint);
  response->set_vocab_size(info.vocab_size);
  response->set_context_length(model->max_sequence_tokens);
  response->set_lookahead(info.num_lookahead);
  response->set_chat_format(ChatFormatName(model->text.chat_template.format));
  const std::vector<TokenId>& ends = model->text.end_of_sequence_ids;
  response->mutable_end_of_sequence_ids()->Assign(ends.begin(), ends.end());
  response->add_methods(std::string(MethodName(Method::kAuto)));
  for (const MethodEntry& entry : kMethods) {
    if (!entry.needs_lookahead || info.num_lookahead > 0) response->add_methods(std::string(entry.name));
  }
  response->set_server_version(ServerVersion());
  return absl::OkStatus();
}

class PassService final : public v1::PassService::CallbackService {
 public:
  explicit PassService(const Gateway* gateway) : gateway_(*gateway) {}

  grpc::ServerWriteReactor<v1::GenerateResponse>* Generate(grpc::CallbackServerContext* context,
                                                           const v1::GenerateRequest* request) override {
    return AnswerWithStream<StreamReply>(gateway_, context, "Generate", [&](const ServedModel& model) {
      return Translate(*request, model, gateway_.limits());
    });
  }

  grpc::ServerUnaryReactor* Complete(grpc::CallbackServerContext* context, const v1::GenerateRequest* request,
                                     v1::CompleteResponse* response) override {
    return AnswerWithMessage<WholeReply>(
        gateway_, context, "Complete",
        [&](const ServedModel& model) { return Translate(*request, model, gateway_.limits()); }, response);
  }

  grpc::ServerUnaryReactor* Tokenize(grpc::CallbackServerContext* context, const v1::TokenizeRequest* request,
                                     v1::TokenizeResponse* response) override {
    return AnswerAtOnce(pass_v1::Tokenize(gateway_, *request, response), context);
  }

  grpc::ServerUnaryReactor* Detokenize(grpc::CallbackServerContext* context,
                                       const v1::DetokenizeRequest* request,
                                       v1::DetokenizeResponse* response) override {
    return AnswerAtOnce(pass_v1::Detokenize(gateway_, *request, response), context);
  }

  grpc::ServerUnaryReactor* GetModelInfo(grpc::CallbackServerContext* context,
                                         const v1::GetModelInfoRequest* request,
                                         v1::GetModelInfoResponse* response) override {
    return AnswerAtOnce(pass_v1::GetModelInfo(gateway_, *request, response), context);
  }

 private:
  const Gateway& gateway_;
};

}  // namespace

NamedService MakeService(const Gateway* gateway) {
  return {.full_name = v1::PassService::service_full_name(),
          .service = std::make_unique<PassService>(gateway)};
}

}  // namespace pass::pass_v1
