// model_logits MODEL LOOKAHEAD|- bf16|fp32 < script.json > logits.f32
//
// Runs forwards written down as JSON and prints the logits of their rows as raw float32: what the comparison with
// transformers is made of. The script is a list of steps:
//   {"rows": [{"sequence": 0, "token": 5, "lookahead": 0, "position": 0, "parent": -1}, ...], "commit": {"0": [0, 1]}}
//   {"greedy": [1, 2, 3], "tokens": 64}   prints the ids of a greedy continuation as raw int32
// Sequences open when they are first named.
#include <cstdio>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include <ATen/core/Tensor.h>

#include "core/base/status_macros.h"
#include "core/model/load.h"
#include "core/model/transformer.h"

namespace pass {
namespace {

using nlohmann::json;

constexpr int32_t kSequenceTokens = 1024;

absl::StatusOr<SequenceId> IdOf(Transformer& model, std::map<int64_t, SequenceId>& ids, int64_t name) {
  const auto it = ids.find(name);
  if (it != ids.end()) return it->second;
  PASS_ASSIGN_OR_RETURN(const SequenceId id, model.Open(kSequenceTokens));
  return ids.emplace(name, id).first->second;
}

absl::Status RunForward(Transformer& model, std::map<int64_t, SequenceId>& ids, const json& step) {
  std::vector<Row> rows;
  for (const json& row : step.at("rows")) {
    PASS_ASSIGN_OR_RETURN(const SequenceId id, IdOf(model, ids, row.at("sequence").get<int64_t>()));
    rows.push_back({.sequence = id,
                    .token = row.value("token", 0),
                    .lookahead = row.value("lookahead", 0),
                    .position = row.at("position").get<int32_t>(),
                    .parent = row.at("parent").get<int>()});
  }
  PASS_ASSIGN_OR_RETURN(const at::Tensor logits, model.ForwardLogits(rows));
  std::fwrite(logits.data_ptr(), sizeof(float), static_cast<size_t>(logits.numel()), stdout);
  if (!step.contains("commit")) return absl::OkStatus();
  for (const auto& [name, indices] : step.at("commit").items()) {
    PASS_RETURN_IF_ERROR(model.Commit(ids.at(std::stoll(name)), indices.get<std::vector<int>>()));
  }
  return absl::OkStatus();
}

absl::Status RunGreedy(Transformer& model, const json& step) {
  const std::vector<int32_t> prompt = step.at("greedy").get<std::vector<int32_t>>();
  const SamplingOptions greedy{.temperature = 0.0};
  PASS_ASSIGN_OR_RETURN(const SequenceId id, model.Open(kSequenceTokens));
  std::vector<TokenId> input = prompt;
  int32_t position = 0;
  for (int i = 0; i < step.at("tokens").get<int>(); ++i) {
    std::vector<Row> rows;
    std::vector<int> all;
    for (TokenId token : input) {
      const int index = static_cast<int>(rows.size());
      all.push_back(index);
      rows.push_back({.sequence = id, .token = token, .position = position++, .parent = index - 1});
    }
    rows.back().sampling = &greedy;
    rows.back().output = RowOutput::kToken;
    PASS_ASSIGN_OR_RETURN(const std::vector<RowResult> results, model.Forward(rows));
    PASS_RETURN_IF_ERROR(model.Commit(id, all));
    const TokenId token = results.back().token;
    std::fwrite(&token, sizeof(token), 1, stdout);
    input = {token};
  }
  model.Close(id);
  return absl::OkStatus();
}

absl::Status Run(const std::string& model_path, const std::string& lookahead, const std::string& dtype) {
  LoadOptions options;
  options.model_path = model_path;
  if (lookahead != "-") options.lookahead_path = lookahead;
  options.compute_type = dtype == "fp32" ? ComputeType::kFp32 : ComputeType::kBf16;
  PASS_ASSIGN_OR_RETURN(LoadedModel loaded, LoadModel(options));
  auto& model = static_cast<Transformer&>(*loaded.model);
  std::map<int64_t, SequenceId> ids;
  for (const json& step : json::parse(std::cin)) {
    PASS_RETURN_IF_ERROR(step.contains("greedy") ? RunGreedy(model, step) : RunForward(model, ids, step));
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace pass

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: model_logits MODEL LOOKAHEAD|- bf16|fp32 < script.json > logits.f32\n");
    return 2;
  }
  const absl::Status status = pass::Run(argv[1], argv[2], argv[3]);
  if (status.ok()) return 0;
  std::fprintf(stderr, "model_logits: %s\n", std::string(status.message()).c_str());
  return 1;
}
