// Builds a GGUF file in memory, a valid one unless told otherwise: every count and offset can be overridden,
// so that a test can break exactly one thing.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace pass {

// The bytes of a number as they lie in a file.
template <typename T>
std::string Encoded(T value) {
  static_assert(std::is_arithmetic_v<T>);
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

// A 64-bit length and the bytes.
std::string EncodedString(std::string_view text);

// Numbers of types in the file.
inline constexpr uint32_t kGgmlF32 = 0;
inline constexpr uint32_t kGgmlF16 = 1;
inline constexpr uint32_t kGgmlQ4_0 = 2;
inline constexpr uint32_t kGgmlQ4_1 = 3;
inline constexpr uint32_t kGgmlQ8_0 = 8;
inline constexpr uint32_t kGgmlQ6K = 14;
inline constexpr uint32_t kGgmlIq2Xxs = 16;
inline constexpr uint32_t kGgmlMxfp4 = 39;
inline constexpr uint32_t kGgmlBF16 = 30;

struct GgufTensorPlan {
  std::string name;
  std::vector<uint64_t> dimensions;  // innermost first, as in the file
  uint32_t type = kGgmlF32;
  std::string data;
  std::optional<uint64_t> offset;  // else the next multiple of the alignment
};

class GgufBuilder {
 public:
  std::string magic = "GGUF";
  uint32_t version = 3;
  uint64_t alignment = 32;  // of the layout; the metadata key is the test's to add
  std::optional<uint64_t> num_keys;
  std::optional<uint64_t> num_tensors;
  std::vector<GgufTensorPlan> tensors;

  void AddValue(std::string_view key, uint32_t type, std::string_view encoded);
  void AddArray(std::string_view key, uint32_t type, uint64_t count, std::string_view encoded);
  void AddUint32(std::string_view key, uint32_t value) { AddValue(key, 4, Encoded(value)); }
  void AddFloat32(std::string_view key, float value) { AddValue(key, 6, Encoded(value)); }
  void AddBool(std::string_view key, bool value) { AddValue(key, 7, Encoded(value)); }
  void AddString(std::string_view key, std::string_view value) { AddValue(key, 8, EncodedString(value)); }
  void AddStrings(std::string_view key, const std::vector<std::string>& values);
  void AddInts(std::string_view key, const std::vector<int32_t>& values);

  GgufTensorPlan& Tensor(std::string_view name);

  std::string Build() const;

 private:
  uint64_t num_added_ = 0;
  std::string metadata_;
};

}  // namespace pass
