#include "server/gateway/request_table.h"

#include <utility>

#include "server/status_conversion.h"

namespace pass {

absl::Status RequestTable::Submit(GenerationRequest request, std::shared_ptr<TokenSink> sink) {
  const std::string id = request.id;
  // Held while the engine takes the request, so that Remove, which the engine's thread may call at once,
  // comes after the entry is complete.
  absl::MutexLock lock(&mutex_);
  if (entries_.contains(id)) return DuplicateIdError();
  const absl::StatusOr<RequestHandle> handle = engine_->Submit(std::move(request), std::move(sink));
  if (!handle.ok()) return ClientError(handle.status(), id);
  entries_[id] = {.handle = *handle};
  return absl::OkStatus();
}

void RequestTable::Cancel(const std::string& id, FinishReason reason) {
  absl::MutexLock lock(&mutex_);
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return;
  entry->second.cancelled = true;
  engine_->Cancel(entry->second.handle, reason);
}

bool RequestTable::Remove(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return false;
  const bool cancelled = entry->second.cancelled;
  entries_.erase(entry);
  return cancelled;
}

}  // namespace pass
