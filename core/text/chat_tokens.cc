#include "core/text/chat_tokens.h"

#include <algorithm>
#include <array>

namespace pass {
namespace {

// The first ones end a turn.
constexpr size_t kNumTurnEnds = 8;
constexpr std::array<std::string_view, 32> kTokens = {"<|im_end|>",
                                                      "<|eot_id|>",
                                                      "<|eom_id|>",
                                                      "<end_of_turn>",
                                                      "<turn|>",
                                                      "<|end|>",
                                                      "<|return|>",
                                                      "<|endofturn|>",
                                                      "<|im_start|>",
                                                      "<|im_sep|>",
                                                      "<|start_header_id|>",
                                                      "<|end_header_id|>",
                                                      "<|begin_of_text|>",
                                                      "<|end_of_text|>",
                                                      "<|endoftext|>",
                                                      "<start_of_turn>",
                                                      "<|turn>",
                                                      "[INST]",
                                                      "[/INST]",
                                                      "[SYSTEM_PROMPT]",
                                                      "[/SYSTEM_PROMPT]",
                                                      "<|system|>",
                                                      "<|user|>",
                                                      "<|assistant|>",
                                                      "<|start_of_role|>",
                                                      "<|end_of_role|>",
                                                      "<|python_tag|>",
                                                      "<｜begin▁of▁sentence｜>",
                                                      "<｜end▁of▁sentence｜>",
                                                      "<｜User｜>",
                                                      "<｜Assistant｜>",
                                                      "<|startoftext|>"};

}  // namespace

bool EndsTurn(std::string_view token) {
  return std::ranges::find(ChatTokens().first(kNumTurnEnds), token) != ChatTokens().first(kNumTurnEnds).end();
}

bool IsChatToken(std::string_view token) { return std::ranges::find(kTokens, token) != kTokens.end(); }

std::span<const std::string_view> ChatTokens() { return kTokens; }

}  // namespace pass
