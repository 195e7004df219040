#include "server/metrics_endpoint.h"

#include <microhttpd.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/listen_address.h"

namespace pass {
namespace {

constexpr char kFlag[] = "--metrics-listen";
// Beyond these the connection that is open for longest makes room: a scrape takes milliseconds, so that only
// clients which do not ask get so old.
constexpr size_t kMostConnections = 64;
// The library stops accepting at its own limit; connections on their way out still count there.
constexpr unsigned int kHardLimit = 2 * kMostConnections;

MHD_Result OnRequest(void* endpoint, MHD_Connection* connection, const char* path, const char* method,
                     const char* /*version*/, const char* /*body*/, size_t* /*body_bytes*/,
                     void** /*request*/) {
  return static_cast<MHD_Result>(static_cast<MetricsEndpoint*>(endpoint)->Answer(connection, method, path));
}

void OnConnection(void* endpoint, MHD_Connection* connection, void** /*context*/,
                  MHD_ConnectionNotificationCode code) {
  const int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
  auto* const self = static_cast<MetricsEndpoint*>(endpoint);
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    self->OnOpen(fd);
  } else {
    self->OnClose(fd);
  }
}

int Reply(MHD_Connection* connection, unsigned int code, const char* type, std::string body) {
  MHD_Response* const response =
      MHD_create_response_from_buffer(body.size(), body.data(), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
  // A scrape every few seconds gains nothing from an open connection, and idle ones would have to be told
  // from those.
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
  if (code == MHD_HTTP_METHOD_NOT_ALLOWED) {
    MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
  }
  const MHD_Result queued = MHD_queue_response(connection, code, response);
  MHD_destroy_response(response);
  return queued;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::Start(
    const std::string& listen, std::shared_ptr<const prometheus::Collectable> series, const Clock* clock,
    int idle_seconds) {
  PASS_ASSIGN_OR_RETURN(const ListenAddress address,
                        ParseListenAddress(kFlag, listen, UnixSockets::kRefused));
  PASS_ASSIGN_OR_RETURN(ListeningSocket socket, ListeningSocket::Open(kFlag, address));
  std::unique_ptr<MetricsEndpoint> endpoint(new MetricsEndpoint(Exposition(std::move(series), clock)));
  endpoint->address_ = socket.address().ToString();
  endpoint->daemon_ =
      MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_ITC, /*port=*/0, nullptr, nullptr, OnRequest,
                       endpoint.get(), MHD_OPTION_LISTEN_SOCKET, socket.fd(), MHD_OPTION_CONNECTION_LIMIT,
                       kHardLimit, MHD_OPTION_CONNECTION_TIMEOUT, static_cast<unsigned int>(idle_seconds),
                       MHD_OPTION_NOTIFY_CONNECTION, OnConnection, endpoint.get(), MHD_OPTION_END);
  if (endpoint->daemon_ == nullptr) {
    return absl::UnavailableError(absl::StrCat("cannot serve metrics on ", listen, " (", kFlag,
                                               "): no thread or file descriptor is free"));
  }
  socket.Release();  // the library closes it
  return endpoint;
}

MetricsEndpoint::~MetricsEndpoint() {
  if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
}

int MetricsEndpoint::Answer(MHD_Connection* connection, const std::string& method, const std::string& path) {
  if (path != "/metrics" && path != "/healthz") {
    return Reply(connection, MHD_HTTP_NOT_FOUND, "text/plain", "only /metrics and /healthz are here\n");
  }
  if (method != MHD_HTTP_METHOD_GET && method != MHD_HTTP_METHOD_HEAD) {
    return Reply(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", "only GET is possible\n");
  }
  if (path == "/healthz") {
    const bool ready = ready_.load();
    return Reply(connection, ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain",
                 ready ? "ready\n" : "not ready\n");
  }
  return Reply(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", exposition_.Text());
}

void MetricsEndpoint::OnOpen(int fd) {
  connections_.push_back(fd);
  if (connections_.size() <= kMostConnections) return;
  shutdown(connections_.front(), SHUT_RDWR);  // the library sees the end and closes it
  connections_.pop_front();
}

void MetricsEndpoint::OnClose(int fd) {
  const auto found = std::find(connections_.begin(), connections_.end(), fd);
  if (found != connections_.end()) connections_.erase(found);
}

}  // namespace pass
