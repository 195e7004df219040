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

struct DemoMethod {
  const char* name;
  const char* label;
};

// Plain first: the others are compared with it.
constexpr std::array<DemoMethod, 3> kMethods{{{"plain", "plain"}, {"pass", "PaSS"}, {"tree", "PaSS, tree"}}};

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
  console.out << absl::StrFormat("%-17s %6s %8s %14s %10s %13s %8s %8s\n", "", "tokens", "forwards",
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
    const size_t plain = i - i % kMethods.size();
    if (i != plain && seconds > 0) {
      speed_up = absl::StrFormat("%.2fx", runs[plain].timed.finish.timing().decode_seconds() / seconds);
    }
    console.out << absl::StrFormat("%-17s %6d %8d %14.2f %10s %13s %8.1f %8s\n", runs[i].label,
                                   finish.usage().completion_tokens(), speculation.forwards(),
                                   TokensPerForward(finish), acceptance, accepted_length,
                                   TokensPerSecond(finish), speed_up);
  }
  console.out
      << "tokens/s: tokens after the first / decode seconds on the server's clock.\n"
         "mean accepted: accepted drafts of a validation step. speed-up: decode seconds, plain / PaSS.\n"
         "PaSS is Algorithm 1, two forwards a round; PaSS, tree drafts and validates in one.\n";
}

CallStatus ShowOne(const PassClient& client, const DemoPrompt& prompt, const DemoMethod& method,
                   const DemoCommand& command, Console& console, Run* run) {
  const bool drafts = &method != kMethods.data();
  OutputFlags output;
  output.show_runs = drafts;
  output.quiet = true;
  output.color = command.color;
  const std::string mark = UseColor(command.color, console) ? "highlighted" : "in [brackets]";
  run->label = absl::StrFormat("%s, %s", prompt.name, method.label);
  Heading(run->label + (drafts ? ": accepted drafts " + mark : ": one token a forward"), console);
  console.out << prompt.text << std::flush;
  const CallStatus status = StreamCompletion(client, DemoRequest(prompt, method.name, command.max_tokens),
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
    for (const DemoMethod& method : kMethods) {
      status = ShowOne(client, prompt, method, *this, console, &runs.emplace_back());
      if (!status.ok()) {
        return ReportError(status, console);
      }
    }
  }
  for (size_t i = 0; i < runs.size(); ++i) {
    Completion& timed = runs[i].timed;
    const auto request =
        DemoRequest(kPrompts[i / kMethods.size()], kMethods[i % kMethods.size()].name, max_tokens);
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
  for (size_t first = 0; first < runs.size(); first += kMethods.size()) {
    bool same = true;
    for (size_t i = first + 1; i < first + kMethods.size(); ++i) {
      same = same && SameOutput(runs[first].shown, runs[i].shown) &&
             SameOutput(runs[first].timed, runs[i].timed);
    }
    all_same = all_same && same;
    console.out << kPrompts[first / kMethods.size()].name << ": plain, PaSS and tree gave "
                << (same ? "byte-identical texts.\n" : "DIFFERENT texts.\n");
  }
  return all_same ? kExitOk : kExitFailed;
}

}  // namespace pass
