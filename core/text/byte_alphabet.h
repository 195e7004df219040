// GPT-2's printable alphabet: byte-level vocabularies and merges are written with one printable character per
// byte, where the printable bytes of Latin-1 stand for themselves and the other 68 are U+0100 onwards in byte
// order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pass {

// The bytes that `printable` (UTF-8) stands for; nullopt if a character is outside the alphabet.
std::optional<std::string> BytesFromPrintable(std::string_view printable);

// The character that stands for `byte`, as UTF-8.
std::string PrintableFromByte(uint8_t byte);

}  // namespace pass
