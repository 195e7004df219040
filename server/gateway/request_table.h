// The generations in flight: the id that a client knows a request by -> the handle that the engine knows it
// by. One table serves all dialects, so that an id is unique in the whole server.
//
// Thread-safe. An id is in the table from the moment the engine has its request until Remove.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "core/engine/engine_thread.h"

namespace pass {

class RequestTable {
 public:
  // `engine` is borrowed.
  explicit RequestTable(EngineThread* engine) : engine_(engine) {}

  // Gives the request to the engine. An error is what the client is to hear, and the sink then gets nothing.
  // ALREADY_EXISTS: a request with this id is in flight. Besides, the codes of ClientError.
  absl::Status Submit(GenerationRequest request, std::shared_ptr<TokenSink> sink);

  // Tells the engine to end the request early; it stays in the table until the engine has. No effect on an id
  // that is not in flight.
  void Cancel(const std::string& id, FinishReason reason);

  // At the request's end. True if Cancel was called for it: otherwise the engine ended it by itself.
  bool Remove(const std::string& id);

 private:
  struct Entry {
    RequestHandle handle = 0;
    bool cancelled = false;
  };

  EngineThread* const engine_;
  absl::Mutex mutex_;
  std::map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pass
