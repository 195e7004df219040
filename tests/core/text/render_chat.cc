// render_chat MODEL: reads one chat a line on stdin, [{"role": .., "content": ..}, ..], and prints its
// prompt's ids, one JSON array a line, or {"error": ..}. A test tool: scripts compare these ids with those of the
// model's own template. Warnings go to stderr.
#include <iostream>
#include <string>
#include <vector>

#include "core/text/text_model.h"
#include "nlohmann/json.hpp"

namespace pass {
namespace {

int RenderChats(const std::string& model_path) {
  const auto model = LoadTextModel(model_path);
  if (!model.ok()) {
    std::cerr << model.status() << "\n";
    return 1;
  }
  for (const std::string& warning : model->warnings) std::cerr << warning << "\n";
  for (std::string line; std::getline(std::cin, line);) {
    std::vector<ChatMessage> messages;
    for (const auto& message : nlohmann::json::parse(line))
      messages.push_back({message["role"], message["content"]});
    const auto ids = RenderChat(model->chat_template, messages, *model->tokenizer);
    const nlohmann::json line_out =
        ids.ok() ? nlohmann::json(*ids) : nlohmann::json{{"error", ids.status().ToString()}};
    std::cout << line_out.dump() << "\n";
  }
  return 0;
}

}  // namespace
}  // namespace pass

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: render_chat MODEL < CHATS\n";
    return 2;
  }
  return pass::RenderChats(argv[1]);
}
