// The eight prompts of the demo: code, prose and chat, written for it.
#pragma once

#include <array>
#include <string_view>

namespace pass {

struct DemoPrompt {
  std::string_view kind;  // "code", "prose" or "chat"
  std::string_view name;  // a few words for the table
  std::string_view text;  // of a chat: what the user asks
  bool shown = false;     // the demo shows what comes out, not the numbers alone

  bool is_chat() const { return kind == "chat"; }
};

extern const std::array<DemoPrompt, 8> kDemoPrompts;

}  // namespace pass
