// Reads little-endian values from front to back of a byte span; nullopt instead of a read past the end.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace pass {

static_assert(std::endian::native == std::endian::little,
              "weights files are little-endian and are read in place");

class ByteCursor {
 public:
  explicit ByteCursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

  uint64_t offset() const { return offset_; }
  uint64_t remaining() const { return bytes_.size() - offset_; }

  template <typename T>
  std::optional<T> Read() {
    if (remaining() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + offset_, sizeof(T));
    offset_ += sizeof(T);
    return value;
  }

  std::optional<std::span<const std::byte>> Take(uint64_t size) {
    if (remaining() < size) return std::nullopt;
    const auto taken = bytes_.subspan(offset_, size);
    offset_ += size;
    return taken;
  }

  // A 64-bit length and that many bytes.
  std::optional<std::string_view> ReadString() {
    const auto size = Read<uint64_t>();
    if (!size) return std::nullopt;
    const auto taken = Take(*size);
    if (!taken) return std::nullopt;
    return std::string_view(reinterpret_cast<const char*>(taken->data()), taken->size());
  }

 private:
  std::span<const std::byte> bytes_;
  uint64_t offset_ = 0;  // <= bytes_.size()
};

}  // namespace pass
