#include "core/model/backend/cpu/weight_memory.h"

#include <ATen/ops/from_blob.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <utility>

namespace pass {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kChunk = size_t{64} << 20;
constexpr size_t kLine = 64;  // bytes

size_t RoundUp(size_t size, size_t to) { return (size + to - 1) / to * to; }

class Chunk {
 public:
  // One huge page more than `size`, so that the memory can begin where one does.
  explicit Chunk(size_t size) : mapped_(size + kHugePage), size_(size) {
    mapping_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping_ == MAP_FAILED) throw std::bad_alloc();
    begin_ = reinterpret_cast<std::byte*>(RoundUp(reinterpret_cast<size_t>(mapping_), kHugePage));
    madvise(begin_, size_, MADV_HUGEPAGE);  // a wish: small pages do too
  }
  ~Chunk() { munmap(mapping_, mapped_); }
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;

  // nullptr: no room.
  void* Take(size_t bytes) {
    if (bytes > size_ - used_) return nullptr;
    return begin_ + std::exchange(used_, std::min(size_, RoundUp(used_ + bytes, kLine)));
  }

 private:
  void* mapping_;
  size_t mapped_, size_, used_ = 0;
  std::byte* begin_;
};

struct Piece {
  void* data = nullptr;
  std::shared_ptr<Chunk> chunk;
};

Piece Allocate(size_t bytes) {
  static std::mutex mutex;
  static std::weak_ptr<Chunk> current;
  const std::lock_guard lock(mutex);
  std::shared_ptr<Chunk> chunk = current.lock();
  void* data = chunk != nullptr ? chunk->Take(bytes) : nullptr;
  if (data == nullptr) {
    chunk = std::make_shared<Chunk>(std::max(kChunk, RoundUp(bytes, kHugePage)));
    current = chunk;
    data = chunk->Take(bytes);
  }
  return {data, std::move(chunk)};
}

}  // namespace

at::Tensor EmptyWeights(c10::IntArrayRef sizes, const at::TensorOptions& options) {
  const int64_t count = std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>());
  Piece piece = Allocate(static_cast<size_t>(count) * options.dtype().itemsize());
  return at::from_blob(
      piece.data, sizes, [chunk = std::move(piece.chunk)](void*) {}, options);
}

}  // namespace pass
