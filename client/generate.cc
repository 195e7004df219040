#include "client/commands.h"
#include "client/run_painter.h"

namespace pass {

CallStatus StreamCompletion(const PassClient& client, const v1::GenerateRequest& request,
                            const CallOptions& options, const OutputFlags& output, Console& console,
                            Completion* completion) {
  RunPainter painter(&client, output.UseColor(console), &console.out);
  const CallStatus status = client.Generate(request, options, [&](const v1::GenerateResponse& message) {
    completion->Add(message);
    if (output.json) {
      const std::string line = StepJson(message);
      if (!line.empty()) {
        console.out << line << '\n' << std::flush;
      }
    } else if (output.show_runs) {
      painter.Paint(message);
    } else {
      console.out << message.text() << std::flush;
    }
    return console.out.good();  // nobody reads any more: stop the server's work too
  });
  if (output.json) {
    if (status.ok()) {
      console.out << SummaryJson(*completion) << '\n' << std::flush;
    }
    return status;
  }
  if (console.out_is_terminal && !completion->text.ends_with('\n')) {
    console.out << '\n' << std::flush;  // a file or a pipe gets the text and nothing else
  }
  if (status.ok() && !output.quiet) {
    console.err << SummaryText(completion->finish);
  }
  return status;
}

int ReportError(const CallStatus& status, Console& console) {
  console.err << "error: " << status.ToString() << '\n';
  return kExitRpcError;
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
