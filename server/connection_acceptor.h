// Accepts the connections of a server and hands them to it, below a limit of file descriptors. gRPC 1.51
// would do this itself, but its listener is dead for good once a single accept found no descriptor.
//
// A connection above the limit is accepted and closed at once, so that its client learns of it and may try
// another replica. The log has one line when that begins and one when it is over.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "server/listen_address.h"

namespace pass {

class ConnectionAcceptor {
 public:
  // Owns the descriptor that it is given; called on the acceptor's thread.
  using Handover = std::function<void(int fd)>;

  // Accepts from now on. Descriptors of connections stay below `most_descriptors`.
  ConnectionAcceptor(ListeningSocket socket, int most_descriptors, Handover handover);
  // Stops accepting; nothing is handed over afterwards.
  ~ConnectionAcceptor();

  // Whether the next connection would be handed over.
  bool CanAccept() const;

 private:
  void Run();
  // Everybody who waits. False: no descriptor is free, although somebody waits.
  bool AcceptAll();
  void NoteFull(const std::string& why);
  void NoteRoom(int fd);

  const ListeningSocket socket_;
  const int most_descriptors_;
  const Handover handover_;
  bool full_ = false;    // of the thread, as the next
  int64_t refused_ = 0;  // since it is full
  int stop_fd_ = -1;
  std::thread thread_;
};

}  // namespace pass
