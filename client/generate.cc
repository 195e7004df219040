#include "client/commands.h"
#include "client/run_painter.h"
#include "client/visible_text.h"

namespace pass {

CallStatus StreamCompletion(const PassClient& client, const v1::GenerateRequest& request,
                            const CallOptions& options, const OutputFlags& output, Console& console,
                            Completion* completion) {
  RunPainter painter(&client, output.UseColor(console), &console);
  VisibleText visible;
  const CallStatus status = client.Generate(request, options, [&](const v1::GenerateResponse& message) {
    completion->Add(message);
    if (output.json) {
      const std::string line = StepJson(message);
      if (!line.empty()) {
        console.out << line << '\n';
      }
    } else if (output.show_runs) {
      painter.Paint(message);
    } else if (console.out_is_terminal) {
      console.out << visible.Add(message.text());
    } else {
      console.out << message.text();
    }
    return console.Flush();  // nobody reads any more: stop the server's work too
  });
  if (output.json) {
    if (status.ok()) {
      console.out << SummaryJson(*completion) << '\n';
      console.Flush();
    }
    return status;
  }
  if (console.out_is_terminal) {  // a file or a pipe gets the text and nothing else
    console.out << visible.End() << (completion->text.ends_with('\n') ? "" : "\n");
    console.Flush();
  }
  if (status.ok() && !output.quiet) {
    console.err << SummaryText(completion->finish);
  }
  return status;
}

int ReportError(const CallStatus& status, Console& console) {
  // Output that cannot be written makes the client cancel its call: RunClient reports the cause.
  if (console.out.good()) console.err << "error: " << Visible(status.ToString()) << '\n';
  return kExitFailed;
}

void GenerateCommand::AddTo(CLI::App* command) {
  connection.AddTo(command);
  prompt.AddTo(command, /*required=*/true);
  generation.AddTo(command);
  output.AddTo(command);
}

int GenerateCommand::Run(Console& console) const {
  v1::GenerateRequest request = generation.ToRequest();
  request.set_text(prompt.Read(console));
  const PassClient client(connection.address);
  Completion completion;
  const CallStatus status =
      StreamCompletion(client, request, connection.call_options(), output, console, &completion);
  return status.ok() ? kExitOk : ReportError(status, console);
}

}  // namespace pass
