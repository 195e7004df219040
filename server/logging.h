// The server's log: one line an event, as text or as a JSON object. The only place that configures spdlog,
// and the only one that sees it. Never give it what a client wrote, except a checked request id.
//
// Thread-safe after ConfigureLogging, which main calls once before there are threads.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"

namespace pass {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };

struct LogField {
  std::string_view key;
  std::variant<std::string, int64_t, double, bool> value;
};

// INVALID_ARGUMENT names the flag of a format or level that ConfigureLogging would refuse.
absl::Status CheckLogging(std::string_view format, std::string_view level);

// `format`: "text" or "json"; `level`: "debug", "info", "warning", "error". gRPC's own messages become debug
// lines. Errors are those of CheckLogging.
absl::Status ConfigureLogging(std::string_view format, std::string_view level);

// `event` is a fixed name ("ready", "request"); what varies goes into fields.
void Log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

// Writes out what is buffered; before an exit that runs no destructors.
void FlushLog();

// The line "event key=value ..." (text), or "event":..., "key":value pairs without braces (JSON). For the
// tests.
std::string RenderLogLine(bool json, std::string_view event, std::initializer_list<LogField> fields);

}  // namespace pass
