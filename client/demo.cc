// What `make demo` shows: a code and a prose completion, greedy, first plain and then PaSS, with every
// accepted draft visible; then the numbers of all four, from a second, silent round, which the display cannot
// slow down.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "client/commands.h"

namespace pass {
namespace {

struct DemoPrompt {
  const char* name;
  const char* text;
};

constexpr std::array<DemoPrompt, 2> kPrompts{{
    {"code",
     "import math\n"
     "\n"
     "\n"
     "def primes_below(limit):\n"
     "    \"\"\"Return all prime numbers below the limit.\"\"\"\n"
     "    sieve ="},
    {"prose", "The history of tea begins in ancient China. According to legend,"},
}};

struct Run {
  std::string label;
  Completion shown;
  Completion timed;
};

v1::GenerateRequest DemoRequest(const DemoPrompt& prompt, const std::string& method, int max_tokens) {
  v1::GenerateRequest request;
  request.set_text(prompt.text);
  request.mutable_sampling()->set_temperature(0);
  request.mutable_stopping()->set_max_tokens(max_tokens);
  request.mutable_speculation()->set_method(method);
  return request;
}

void Heading(const std::string& text, Console& console) {
  constexpr size_t kWidth = 98;
  console.out << "\n-- " << text << ' ' << std::string(kWidth - std::min(kWidth, text.size() + 4), '-')
              << '\n';
}

bool SameOutput(const Completion& a, const Completion& b) {
  return a.token_ids == b.token_ids && a.text == b.text && a.finish.reason() == b.finish.reason();
}

void PrintTable(const std::vector<Run>& runs, Console& console) {
  Heading("numbers of a second, silent run of each, one stream at a time", console);
  console.out << absl::StrFormat("%-12s %7s %9s %15s %11s %14s %9s %9s\n", "", "tokens", "forwards",
                                 "tokens/forward", "acceptance", "mean accepted", "tokens/s", "speed-up");
  for (size_t i = 0; i < runs.size(); ++i) {
    const v1::Finish& finish = runs[i].timed.finish;
    const v1::SpeculationSummary& speculation = finish.speculation();
    std::string acceptance = "-", accepted_length = "-", speed_up = "-";
    if (speculation.drafted() > 0) {
      acceptance = absl::StrFormat("%.0f%%", 100 * speculation.acceptance_rate());
      accepted_length = absl::StrFormat("%.2f", speculation.mean_accepted_length());
    }
    const double seconds = finish.timing().decode_seconds();
    if (i % 2 == 1 && seconds > 0) {  // the run before is the same prompt, plain
      speed_up = absl::StrFormat("%.2fx", runs[i - 1].timed.finish.timing().decode_seconds() / seconds);
    }
    console.out << absl::StrFormat("%-12s %7d %9d %15.2f %11s %14s %9.1f %9s\n", runs[i].label,
                                   finish.usage().completion_tokens(), speculation.forwards(),
                                   TokensPerForward(finish), acceptance, accepted_length,
                                   TokensPerSecond(finish), speed_up);
  }
  console.out
      << "tokens/s: tokens after the first / decode seconds on the server's clock.\n"
         "mean accepted: accepted drafts of a validation step. speed-up: decode seconds, plain / PaSS.\n";
}

CallStatus ShowOne(const PassClient& client, const DemoPrompt& prompt, const std::string& method,
                   const DemoCommand& command, Console& console, Run* run) {
  const bool is_pass = method == "pass";
  OutputFlags output;
  output.show_runs = is_pass;
  output.quiet = true;
  output.color = command.color;
  const std::string mark = UseColor(command.color, console) ? "highlighted" : "in [brackets]";
  run->label = std::string(prompt.name) + (is_pass ? ", PaSS" : ", plain");
  Heading(run->label + (is_pass ? ": accepted drafts " + mark : ": one token a forward"), console);
  console.out << prompt.text << std::flush;
  const CallStatus status = StreamCompletion(client, DemoRequest(prompt, method, command.max_tokens),
                                             command.connection.call_options(), output, console, &run->shown);
  if (!console.out_is_terminal) {
    console.out << '\n';
  }
  return status;
}

}  // namespace

void DemoCommand::AddTo(CLI::App* command) {
  connection.AddTo(command);
  command->add_option("--max-tokens", max_tokens, "Tokens of each completion")->capture_default_str();
  AddColorFlag(command, &color);
}

int DemoCommand::Run(Console& console) const {
  const PassClient client(connection.address);
  v1::GetModelInfoResponse info;
  CallStatus status = client.GetModelInfo(connection.call_options(), &info);
  if (!status.ok()) {
    return ReportError(status, console);
  }
  console.out << absl::StrFormat("%s, %s on %s, %d look-ahead tokens; greedy, up to %d tokens\n",
                                 info.model(), info.dtype(), info.device(), info.lookahead(), max_tokens);
  std::vector<pass::Run> runs;
  for (const DemoPrompt& prompt : kPrompts) {
    for (const char* method : {"plain", "pass"}) {
      status = ShowOne(client, prompt, method, *this, console, &runs.emplace_back());
      if (!status.ok()) {
        return ReportError(status, console);
      }
    }
  }
  for (size_t i = 0; i < runs.size(); ++i) {
    Completion& timed = runs[i].timed;
    const auto request = DemoRequest(kPrompts[i / 2], i % 2 == 0 ? "plain" : "pass", max_tokens);
    status =
        client.Generate(request, connection.call_options(), [&timed](const v1::GenerateResponse& message) {
          timed.Add(message);
          return true;
        });
    if (!status.ok()) {
      return ReportError(status, console);
    }
  }
  PrintTable(runs, console);
  bool all_same = true;
  for (size_t i = 0; i < runs.size(); i += 2) {
    const bool same =
        SameOutput(runs[i].shown, runs[i + 1].shown) && SameOutput(runs[i].timed, runs[i + 1].timed);
    all_same = all_same && same;
    console.out << kPrompts[i / 2].name << ": plain and PaSS gave "
                << (same ? "byte-identical texts.\n" : "DIFFERENT texts.\n");
  }
  return all_same ? kExitOk : kExitRpcError;
}

}  // namespace pass
