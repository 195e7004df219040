#include "server/connection_acceptor.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/descriptors.h"
#include "server/logging.h"
#include "tests/server/raw_connection.h"
#include "tests/server/test_server.h"
#include "tests/support/temporary_folder.h"

namespace pass {
namespace {

// A server that does nothing with its connections.
class Taken {
 public:
  ~Taken() { CloseAll(); }

  void Add(int fd) {
    absl::MutexLock lock(&mutex_);
    fds_.push_back(fd);
  }
  void Await(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto reached = [&] {
      mutex_.AssertReaderHeld();
      return fds_.size() >= count;
    };
    mutex_.Await(absl::Condition(&reached));
  }
  void CloseAll() {
    absl::MutexLock lock(&mutex_);
    for (const int fd : fds_) close(fd);
    fds_.clear();
  }
  int Largest() {
    absl::MutexLock lock(&mutex_);
    return *std::max_element(fds_.begin(), fds_.end());
  }

 private:
  absl::Mutex mutex_;
  std::vector<int> fds_ ABSL_GUARDED_BY(mutex_);
};

ListeningSocket Listen() {
  auto socket = ListeningSocket::Open("--listen", {.host = "127.0.0.1"});
  EXPECT_TRUE(socket.ok()) << socket.status();
  return *std::move(socket);
}

TEST(ConnectionAcceptor, ClosesWhatIsAboveTheLimitAndAcceptsAgainAfterwards) {
  Taken taken;
  ListeningSocket socket = Listen();
  const std::string address = socket.address().ToString();
  const int most = NextDescriptor() + 200;  // the test's own ends of the connections count too
  const ConnectionAcceptor acceptor(std::move(socket), most, [&](int fd) { taken.Add(fd); });
  EXPECT_TRUE(acceptor.CanAccept());
  for (int round = 0; round < 3; ++round) {
    std::vector<RawConnection> connections;
    for (int i = 0; i < 150; ++i) connections.emplace_back(address);
    EXPECT_TRUE(connections.back().AwaitClosed());
    EXPECT_LT(taken.Largest(), most);
    EXPECT_FALSE(acceptor.CanAccept());
    connections.clear();
    taken.CloseAll();
    EXPECT_TRUE(acceptor.CanAccept());
  }
}

int Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(ConnectionAcceptor, SaysOnceThatItIsFullAndOnceThatThereIsRoomAgain) {
  ASSERT_TRUE(ConfigureLogging("text", "info").ok());
  Taken taken;
  ListeningSocket socket = Listen();
  const std::string address = socket.address().ToString();
  const int most = NextDescriptor() + 200;
  const ConnectionAcceptor acceptor(std::move(socket), most, [&](int fd) { taken.Add(fd); });
  testing::internal::CaptureStderr();
  for (int round = 0; round < 2; ++round) {
    std::vector<RawConnection> crowd;
    for (int i = 0; i < 150; ++i) crowd.emplace_back(address);
    EXPECT_TRUE(crowd.back().AwaitClosed());
    crowd.clear();
    taken.CloseAll();
    const RawConnection next(address);
    taken.Await(1);
    taken.CloseAll();
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(Count(log, "connections full=true"), 2) << log;
  EXPECT_EQ(Count(log, "connections full=false refused="), 2) << log;
  EXPECT_EQ(Count(log, "ulimit -Hn"), 2) << log;
}

// Liveness asks until the very end.
TEST(ConnectionAcceptor, MayBeAskedAfterItHasStopped) {
  Taken taken;
  ListeningSocket socket = Listen();
  const std::string address = socket.address().ToString();
  ConnectionAcceptor acceptor(std::move(socket), /*most_descriptors=*/1 << 20,
                              [&](int fd) { taken.Add(fd); });
  const RawConnection connection(address);
  taken.Await(1);
  acceptor.Stop();
  acceptor.Stop();
  EXPECT_TRUE(acceptor.CanAccept());
}

TEST(GrpcServer, MayBeAskedWhetherItAcceptsAfterItsShutdown) {
  TestServer server;
  EXPECT_TRUE(server.grpc().CanAccept());
  server.DrainAndStop();
  EXPECT_TRUE(server.grpc().CanAccept());
}

// The soft limit of this process, put back at the end.
class SoftLimit {
 public:
  explicit SoftLimit(int descriptors) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit limit{.rlim_cur = static_cast<rlim_t>(descriptors), .rlim_max = before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  }
  ~SoftLimit() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

// The process's standard error, in which the log is, for as long as this lives.
class StandardError {
 public:
  StandardError() : own_(dup(STDERR_FILENO)) {
    EXPECT_EQ(pipe(pipe_), 0);
    dup2(pipe_[1], STDERR_FILENO);
  }
  ~StandardError() {
    dup2(own_, STDERR_FILENO);
    for (const int fd : {own_, pipe_[0], pipe_[1]}) close(fd);
  }
  // Waits until these words have been written.
  void Await(const std::string& words) {
    std::string text;
    char byte = 0;
    while (text.find(words) == std::string::npos && read(pipe_[0], &byte, 1) == 1) text += byte;
  }

 private:
  int own_;
  int pipe_[2] = {-1, -1};
};

TEST(ConnectionAcceptor, OutlivesTheLastDescriptor) {
  ASSERT_TRUE(ConfigureLogging("text", "info").ok());
  StandardError log;
  Taken taken;
  ListeningSocket socket = Listen();
  const std::string address = socket.address().ToString();
  const ConnectionAcceptor acceptor(std::move(socket), /*most_descriptors=*/1 << 20,
                                    [&](int fd) { taken.Add(fd); });
  {
    const int next = NextDescriptor();
    const SoftLimit none_left(next + 1);
    const RawConnection waits(address);  // takes the last one
    EXPECT_FALSE(acceptor.CanAccept());
    log.Await("full=true");  // it has met the limit
  }
  const RawConnection connection(address);
  taken.Await(2);
}

TEST(Descriptors, AreRaisedToTheHardLimitAndLeaveSomeForOthers) {
  const SoftLimit low(NextDescriptor() + 64);
  const int raised = RaiseDescriptorLimit();
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(limit.rlim_cur, std::min<rlim_t>(limit.rlim_max, 1 << 20));
  EXPECT_EQ(static_cast<rlim_t>(raised), limit.rlim_cur);
  EXPECT_LT(DescriptorsForConnections(), raised);
  EXPECT_GT(DescriptorsForConnections(), raised / 4);
}

TEST(GrpcServer, ServesAgainOnceIdleConnectionsAreGone) {
  TestServer server({.grpc = {.most_descriptors = NextDescriptor() + 100}});
  for (int round = 0; round < 3; ++round) {
    std::vector<RawConnection> idle;
    for (int i = 0; i < 150; ++i) idle.emplace_back(server.grpc().address());
    EXPECT_TRUE(idle.back().AwaitClosed());
    idle.clear();
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    v1::CompleteResponse completion;
    // Channels to one address share a connection unless told not to.
    grpc::ChannelArguments own;
    own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto stub = v1::PassService::NewStub(
        grpc::CreateCustomChannel(server.grpc().address(), grpc::InsecureChannelCredentials(), own));
    const grpc::Status status = stub->Complete(&context, TextRequest("a", 2), &completion);
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
}

// HTTP/2 (RFC 9113): a frame is its length in 3 bytes, type, flags and stream, then its content.
std::string Frame(char type, const std::string& content) {
  return std::string(2, '\0') + static_cast<char>(content.size()) + type + std::string(5, '\0') + content;
}

TEST(GrpcServer, EndsAConnectionThatPingsTooOften) {
  TestServer server;
  const RawConnection client(server.grpc().address());
  constexpr char kSettings = 4, kPing = 6;
  std::string sent = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(kSettings, "");
  for (int i = 0; i < 4; ++i)
    sent += Frame(kPing, "12345678");  // the first one, and three that come too early
  client.Send(sent);
  EXPECT_EQ(Count(client.ReadToEnd(), "too_many_pings"), 1);
}

TEST(GrpcServer, TellsTheTrueAddressOfEveryKind) {
  const TemporaryFolder folder;
  for (const std::string& listen :
       {std::string("127.0.0.1:0"), std::string("[::1]:0"), "unix:" + folder.Path("s.sock")}) {
    if (listen == "[::1]:0" && !ListeningSocket::Open("--listen", {.host = "::1"}).ok()) continue;
    TestServer server({.grpc = {.listen = listen}});
    EXPECT_EQ(server.grpc().address().substr(0, 5), listen.substr(0, 5));
    EXPECT_FALSE(server.grpc().address().ends_with(":0"));
    EXPECT_TRUE(CallComplete(server.stub(), TextRequest("a", 2)).status.ok()) << listen;
  }
}

TEST(GrpcServer, RefusesAddressesByTheirFlag) {
  TestServer server;
  for (const char* listen : {"127.0.0.1:99999", "nonsense", "unix:", "::1:0"}) {
    const auto second = StartGrpcServer({.listen = listen}, &server.gateway());
    ASSERT_FALSE(second.ok()) << listen;
    EXPECT_EQ(second.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(std::string(second.status().message()).find("--listen") != std::string::npos);
  }
}

}  // namespace
}  // namespace pass
