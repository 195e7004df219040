#include "core/decode/plain.h"

#include "core/base/check.h"
#include "core/decode/methods.h"

namespace pass {

std::unique_ptr<Decoder> MakePlainDecoder(const DecoderOptions& /*options*/) {
  return std::make_unique<PlainDecoder>();
}

std::vector<Row> PlainDecoder::Plan(const Frontier& frontier) {
  return {{.sequence = frontier.sequence,
           .token = frontier.newest,
           .position = frontier.position,
           .sampling = frontier.sampling,
           .output = RowOutput::kToken}};
}

Absorbed PlainDecoder::Absorb(const Frontier& /*frontier*/, std::span<const RowResult> results) {
  PASS_CHECK(results.size() == 1);
  return {.emitted = {results[0].token}, .commit = {0}, .validation_step = true};
}

}  // namespace pass
