// What `make demo` shows: eight prompts, greedy, each with plain decoding, with Algorithm 1 and with what a
// request gets by default. The texts of two prompts are streamed with every accepted draft visible; the numbers
// are those of all.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/commands.h"
#include "client/demo_prompts.h"
#include "client/demo_table.h"
#include "client/run_painter.h"
#include "client/visible_text.h"

namespace pass {
namespace {

// Plain first: the others are compared with it.
constexpr std::array<DemoMethod, 3> kMethods{{{"plain", "plain"}, {"pass", "PaSS"}, {"auto", "auto"}}};

constexpr const char* kLegend =
    "\n"
    "plain: one token a forward. PaSS: the paper's Algorithm 1, two forwards a round.\n"
    "auto: the server's default; drafts and validates in one forward where that pays.\n"
    "acceptance: accepted / proposed drafts. mean accepted: per validation step.\n"
    "tokens/s: tokens after the first / decode seconds on the server's clock.\n"
    "speed-up: tokens/s of the method / tokens/s of plain.\n"
    "\n";

// What one demo has chosen and gathered.
struct Demo {
  const DemoCommand& command;
  Console& console;
  const PassClient client;
  const bool color;
  std::vector<DemoMethod> methods{kMethods.begin(), kMethods.end()};
  std::vector<DemoResult> results = {};
};

void Heading(const std::string& text, Console& console) {
  constexpr size_t kWidth = 79;
  console.out << "\n-- " << text << ' ' << std::string(kWidth - std::min(kWidth, text.size() + 4), '-')
              << '\n';
}

// Says what will run, without what the loaded model cannot do.
CallStatus Begin(Demo& demo) {
  v1::GetModelInfoResponse info;
  const CallStatus status = demo.client.GetModelInfo(demo.command.connection.call_options(), &info);
  if (!status.ok()) return status;
  const auto say = [&demo](const std::string& line) { demo.console.out << Visible(line) << '\n'; };
  say(absl::StrFormat("%s, %s on %s, %d look-ahead tokens", info.model(), info.dtype(), info.device(),
                      info.lookahead()));
  for (const DemoPrompt& prompt : kDemoPrompts) {
    if (!prompt.is_chat() || info.chat_format() != "none") demo.results.push_back({prompt, {}});
  }
  if (demo.results.size() < kDemoPrompts.size()) {
    say("The model has no chat format: the chats are left out.");
  }
  if (info.lookahead() == 0) {
    std::erase_if(demo.methods, [](const DemoMethod& method) { return method.name == "pass"; });
    say("There are no look-ahead tokens: PaSS is left out, auto drafts from the text alone.");
  }
  say(absl::StrFormat("%d prompts with %d methods, greedy, up to %d tokens each.", demo.results.size(),
                      demo.methods.size(), demo.command.max_tokens));
  say("It takes less than a minute where plain decoding makes 20 tokens/s.");
  demo.console.Flush();
  return status;
}

v1::GenerateRequest RequestOf(const DemoPrompt& prompt, const DemoMethod& method, int max_tokens) {
  v1::GenerateRequest request;
  if (prompt.is_chat()) {
    v1::ChatMessage* message = request.mutable_chat()->add_messages();
    message->set_role("user");
    message->set_content(std::string(prompt.text));
  } else {
    request.set_text(std::string(prompt.text));
  }
  request.mutable_sampling()->set_temperature(0);
  request.mutable_stopping()->set_max_tokens(max_tokens);
  request.mutable_speculation()->set_method(std::string(method.name));
  return request;
}

// One prompt with one method; `on_message` as in PassClient::Generate.
CallStatus RunOne(const DemoMethod& method, const PassClient::MessageCallback& on_message, Demo& demo,
                  DemoResult* result) {
  Completion& completion = result->completions.emplace_back();
  return demo.client.Generate(RequestOf(result->prompt, method, demo.command.max_tokens),
                              demo.command.connection.call_options(),
                              [&](const v1::GenerateResponse& message) {
                                completion.Add(message);
                                return on_message(message);
                              });
}

CallStatus ShowOne(const DemoMethod& method, Demo& demo, DemoResult* result) {
  Console& console = demo.console;
  const bool drafts = !result->completions.empty();
  const std::string mark = demo.color ? "highlighted" : "in [brackets]";
  Heading(absl::StrCat(std::string(result->prompt.kind), ", ", std::string(method.label),
                       drafts ? ": accepted drafts " + mark : ": one token a forward"),
          console);
  console.out << result->prompt.text;
  console.Flush();
  RunPainter painter(&demo.client, demo.color, &console);
  // The output will be plain's: asking for its tokens' texts now keeps questions out of the run that is timed.
  if (drafts) painter.Learn(result->completions[0].token_ids);
  VisibleText visible;
  const auto paint = [&](const v1::GenerateResponse& message) {
    if (drafts) {
      painter.Paint(message);
    } else {
      console.out << visible.Add(message.text());
    }
    return console.Flush();
  };
  const CallStatus status = RunOne(method, paint, demo, result);
  console.out << '\n';
  return status;
}

// The prompts whose texts are shown, then a line of speeds for every prompt as soon as it is done.
CallStatus RunAll(Demo& demo) {
  for (DemoResult& result : demo.results) {
    for (size_t i = 0; i < demo.methods.size() && result.prompt.shown; ++i) {
      if (const CallStatus status = ShowOne(demo.methods[i], demo, &result); !status.ok()) return status;
    }
  }
  Heading("tokens/s of every text", demo.console);
  demo.console.out << SpeedHeading(demo.methods);
  const auto ignore = [](const v1::GenerateResponse&) { return true; };
  for (DemoResult& result : demo.results) {
    for (size_t i = result.completions.size(); i < demo.methods.size(); ++i) {
      if (const CallStatus status = RunOne(demo.methods[i], ignore, demo, &result); !status.ok())
        return status;
    }
    demo.console.out << SpeedLine(result);
    if (!demo.console.Flush()) break;
  }
  return {};
}

}  // namespace

void DemoCommand::AddTo(CLI::App* command) {
  connection.AddTo(command);
  command->add_option("--max-tokens", max_tokens, "Most tokens of each completion")->capture_default_str();
  AddColorFlag(command, &color);
}

int DemoCommand::Run(Console& console) const {
  Demo demo{.command = *this,
            .console = console,
            .client = PassClient(connection.address),
            .color = UseColor(color, console)};
  CallStatus status = Begin(demo);
  if (status.ok()) status = RunAll(demo);
  if (!status.ok() || !console.out.good()) return ReportError(status, console);
  Heading("sums", console);
  const Comparison comparison = CompareOutputs(demo.methods, demo.results);
  console.out << SumsTable(demo.methods, demo.results) << kLegend << comparison.text;
  return comparison.same ? kExitOk : kExitFailed;
}

}  // namespace pass
