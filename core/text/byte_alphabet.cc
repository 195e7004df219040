#include "core/text/byte_alphabet.h"

#include <array>

namespace pass {
namespace {

constexpr int kFirstSubstitute = 0x100;
constexpr int kNumSubstitutes = 68;

struct Alphabet {
  std::array<int, 256> code_point{};                           // by byte
  std::array<int, kFirstSubstitute + kNumSubstitutes> byte{};  // by code point; -1: not in the alphabet
};

constexpr Alphabet MakeAlphabet() {
  Alphabet alphabet;
  alphabet.byte.fill(-1);
  int next_substitute = kFirstSubstitute;
  for (int byte = 0; byte < 256; ++byte) {
    // The soft hyphen, 0xAD, counts as not printable.
    const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xFF && byte != 0xAD);
    const int code_point = printable ? byte : next_substitute++;
    alphabet.code_point[byte] = code_point;
    alphabet.byte[code_point] = byte;
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = MakeAlphabet();

}  // namespace

std::optional<std::string> BytesFromPrintable(std::string_view printable) {
  std::string bytes;
  for (size_t i = 0; i < printable.size(); ++i) {
    size_t code_point = static_cast<uint8_t>(printable[i]);
    if (code_point >= 0x80) {  // every character of the alphabet has at most two bytes in UTF-8
      if ((code_point & 0xE0) != 0xC0 || i + 1 == printable.size()) return std::nullopt;
      const auto continuation = static_cast<uint8_t>(printable[++i]);
      if ((continuation & 0xC0) != 0x80) return std::nullopt;
      code_point = (code_point & 0x1F) << 6 | (continuation & 0x3F);
    }
    if (code_point >= kAlphabet.byte.size() || kAlphabet.byte[code_point] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(kAlphabet.byte[code_point]));
  }
  return bytes;
}

std::string PrintableFromByte(uint8_t byte) {
  const int code_point = kAlphabet.code_point[byte];
  if (code_point < 0x80) return {static_cast<char>(code_point)};
  return {static_cast<char>(0xC0 | code_point >> 6), static_cast<char>(0x80 | (code_point & 0x3F))};
}

}  // namespace pass
