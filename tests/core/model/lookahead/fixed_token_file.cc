// fixed_token_file MODEL TOKEN L OUT: writes a look-ahead file whose L tokens are all the embedding of one
// ordinary token, untrained. It is the paper's baseline for learned ones (section 4, there with [UNK]); the
// token is an id.
#include <cstdint>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/checkpoint/checkpoint.h"
#include "core/model/lookahead/lookahead_file.h"

namespace pass {
namespace {

absl::Status WriteFixedToken(const std::string& model_path, int64_t token, int64_t count,
                             const std::string& out_path) {
  PASS_ASSIGN_OR_RETURN(const std::unique_ptr<Checkpoint> checkpoint, OpenCheckpoint(model_path));
  const ModelConfig& config = checkpoint->config();
  if (token < 0 || token >= config.vocab_size) {
    return absl::InvalidArgumentError(absl::StrCat("TOKEN must be from 0 to ", config.vocab_size - 1));
  }
  if (count < 1 || count > 64) return absl::InvalidArgumentError("L must be from 1 to 64");
  std::vector<float> table(static_cast<size_t>(config.vocab_size * config.width));
  const int64_t shape[] = {config.vocab_size, config.width};
  PASS_RETURN_IF_ERROR(checkpoint->Read("model.embed_tokens.weight", shape, table));
  const std::span<const float> row = std::span<const float>(table).subspan(
      static_cast<size_t>(token * config.width), static_cast<size_t>(config.width));
  LookaheadTokens tokens;
  tokens.facts = FactsOf(config);
  tokens.facts.num_lookahead = count;
  tokens.facts.base_fingerprint = checkpoint->Fingerprint();
  tokens.facts.base_model = checkpoint->name();
  tokens.facts.recipe = absl::StrCat("the embedding of token ", token, ", untrained");
  for (int64_t k = 0; k < count; ++k)
    tokens.embeddings.insert(tokens.embeddings.end(), row.begin(), row.end());
  return WriteLookaheadFile(out_path, tokens);
}

}  // namespace
}  // namespace pass

int main(int argc, char** argv) {
  int64_t token = 0, count = 0;
  if (argc != 5 || !absl::SimpleAtoi(argv[2], &token) || !absl::SimpleAtoi(argv[3], &count)) {
    std::cerr << "usage: fixed_token_file MODEL TOKEN L OUT\n";
    return 2;
  }
  const absl::Status status = pass::WriteFixedToken(argv[1], token, count, argv[4]);
  if (status.ok()) return 0;
  std::cerr << "fixed_token_file: " << status.message() << "\n";
  return 1;
}
