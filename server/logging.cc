#include "server/logging.h"

#include <grpc/support/log.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace pass {
namespace {

std::atomic<bool> json_lines{false};

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string Quoted(const std::string& text) {
  return nlohmann::json(text).dump(/*indent=*/-1, /*indent_char=*/' ', /*ensure_ascii=*/false,
                                   nlohmann::json::error_handler_t::replace);
}

bool NeedsQuotes(const std::string& text) {
  if (text.empty()) return true;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) return true;
  }
  return false;
}

std::string RenderValue(bool json, const LogField& field) {
  if (const auto* text = std::get_if<std::string>(&field.value)) {
    return json || NeedsQuotes(*text) ? Quoted(*text) : *text;
  }
  if (const auto* flag = std::get_if<bool>(&field.value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<int64_t>(&field.value)) return absl::StrCat(*number);
  return nlohmann::json(std::get<double>(field.value)).dump();
}

// gRPC reports on itself through a global hook; its errors also come back as statuses, so that debug is
// enough.
void LogFromGrpc(gpr_log_func_args* args) {
  Log(LogLevel::kDebug, "grpc",
      {{"severity", std::string(gpr_log_severity_string(args->severity))},
       {"message", std::string(args->message)}});
}

}  // namespace

std::string RenderLogLine(bool json, std::string_view event, std::initializer_list<LogField> fields) {
  std::string line = json ? absl::StrCat("\"event\":", Quoted(std::string(event))) : std::string(event);
  for (const LogField& field : fields) {
    const std::string key(field.key);
    absl::StrAppend(&line, json ? "," : " ", json ? Quoted(key) : key, json ? ":" : "=",
                    RenderValue(json, field));
  }
  return line;
}

absl::Status CheckLogging(std::string_view format, std::string_view level) {
  if (format != "text" && format != "json") {
    return absl::InvalidArgumentError("--log-format must be text or json");
  }
  if (level != "debug" && level != "info" && level != "warning" && level != "error") {
    return absl::InvalidArgumentError("--log-level must be debug, info, warning or error");
  }
  return absl::OkStatus();
}

absl::Status ConfigureLogging(std::string_view format, std::string_view level) {
  PASS_RETURN_IF_ERROR(CheckLogging(format, level));
  const std::string name(level == "error" ? "err" : level);
  const spdlog::level::level_enum parsed = spdlog::level::from_str(name);
  json_lines.store(format == "json");
  auto logger = std::make_shared<spdlog::logger>("pass", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern(format == "json" ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"
                                       : "%Y-%m-%dT%H:%M:%S.%eZ %l %v",
                      spdlog::pattern_time_type::utc);
  logger->set_level(parsed);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
  gpr_set_log_function(LogFromGrpc);
  return absl::OkStatus();
}

void Log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  spdlog::logger* logger = spdlog::default_logger_raw();
  if (!logger->should_log(SpdlogLevel(level))) return;
  // The line is an argument, not the format: braces in it mean nothing.
  logger->log(SpdlogLevel(level), "{}", RenderLogLine(json_lines.load(), event, fields));
}

void FlushLog() { spdlog::default_logger_raw()->flush(); }

}  // namespace pass
