// Tells ThreadSanitizer about absl::Mutex. Debian builds Abseil without ThreadSanitizer, which then sees no
// order between threads that a mutex orders, and calls every guarded member a race.
//
// Linked into the programs of a ThreadSanitizer build only. The functions below stand before those of the
// shared library, say what happens, and call them. Conditions are evaluated inside the library by whoever
// holds the mutex; what they read is not checked.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include "absl/synchronization/mutex.h"

#define PASS_STRING_INNER_(x) #x
#define PASS_STRING_(x) PASS_STRING_INNER_(x)
// The mangled name of absl::`space`::Mutex::..., where the inline namespace is the packager's.
#define PASS_MUTEX_SYMBOL(rest) "_ZN4absl7" PASS_STRING_(ABSL_OPTION_INLINE_NAMESPACE_NAME) "5Mutex" rest

static_assert(sizeof(PASS_STRING_(ABSL_OPTION_INLINE_NAMESPACE_NAME)) == 7 + 1,
              "adapt the length in the symbols");

namespace {

template <typename Result, typename... Arguments>
auto Find(const char* symbol) {
  return reinterpret_cast<Result (*)(absl::Mutex*, Arguments...)>(dlsym(RTLD_NEXT, symbol));
}

// Releases for ThreadSanitizer before the library does, and takes back after it has. The library's waiting
// functions call each other; the outermost one speaks.
class AwaitScope {
 public:
  explicit AwaitScope(absl::Mutex* mutex) : mutex_(mutex) {
    if (depth_++ > 0) return;
    __tsan_mutex_pre_unlock(mutex_, 0);
    __tsan_mutex_post_unlock(mutex_, 0);
    __tsan_mutex_pre_lock(mutex_, 0);
  }
  ~AwaitScope() {
    if (--depth_ == 0) __tsan_mutex_post_lock(mutex_, 0, 0);
  }

 private:
  static thread_local int depth_;
  absl::Mutex* mutex_;
};

thread_local int AwaitScope::depth_ = 0;

}  // namespace

void absl::Mutex::Lock() {
  static const auto real = Find<void>(PASS_MUTEX_SYMBOL("4LockEv"));
  __tsan_mutex_pre_lock(this, 0);
  real(this);
  __tsan_mutex_post_lock(this, 0, 0);
}

void absl::Mutex::Unlock() {
  static const auto real = Find<void>(PASS_MUTEX_SYMBOL("6UnlockEv"));
  __tsan_mutex_pre_unlock(this, 0);
  real(this);
  __tsan_mutex_post_unlock(this, 0);
}

void absl::Mutex::LockWhen(const Condition& condition) {
  static const auto real = Find<void, const Condition&>(PASS_MUTEX_SYMBOL("8LockWhenERKNS0_9ConditionE"));
  __tsan_mutex_pre_lock(this, 0);
  real(this, condition);
  __tsan_mutex_post_lock(this, 0, 0);
}

void absl::Mutex::ReaderLock() {
  static const auto real = Find<void>(PASS_MUTEX_SYMBOL("10ReaderLockEv"));
  __tsan_mutex_pre_lock(this, __tsan_mutex_read_lock);
  real(this);
  __tsan_mutex_post_lock(this, __tsan_mutex_read_lock, 0);
}

void absl::Mutex::ReaderUnlock() {
  static const auto real = Find<void>(PASS_MUTEX_SYMBOL("12ReaderUnlockEv"));
  __tsan_mutex_pre_unlock(this, __tsan_mutex_read_lock);
  real(this);
  __tsan_mutex_post_unlock(this, __tsan_mutex_read_lock);
}

void absl::Mutex::Await(const Condition& condition) {
  static const auto real = Find<void, const Condition&>(PASS_MUTEX_SYMBOL("5AwaitERKNS0_9ConditionE"));
  const AwaitScope scope(this);
  real(this, condition);
}

bool absl::Mutex::AwaitWithTimeout(const Condition& condition, absl::Duration timeout) {
  static const auto real = Find<bool, const Condition&, absl::Duration>(
      PASS_MUTEX_SYMBOL("16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE"));
  const AwaitScope scope(this);
  return real(this, condition, timeout);
}

bool absl::Mutex::AwaitWithDeadline(const Condition& condition, absl::Time deadline) {
  static const auto real = Find<bool, const Condition&, absl::Time>(
      PASS_MUTEX_SYMBOL("17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE"));
  const AwaitScope scope(this);
  return real(this, condition, deadline);
}

absl::Mutex::~Mutex() {
  static const auto real = Find<void>(PASS_MUTEX_SYMBOL("D1Ev"));
  real(this);
  __tsan_mutex_destroy(this, 0);
}
