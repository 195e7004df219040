// The shapes of AMX's eight tiles, as ldtilecfg reads them (Intel 64 and IA-32 Architectures Software Developer's Manual,
// volume 2). For files that are compiled for AMX, and for them alone.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <initializer_list>

namespace pass::kernels {

struct alignas(64) TileShapes {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};

  // At most 16 rows of at most 64 bytes.
  void Set(std::initializer_list<int> tiles, int64_t num_rows, int64_t bytes) {
    for (const int tile : tiles) {
      rows[tile] = static_cast<uint8_t>(num_rows);
      row_bytes[tile] = static_cast<uint16_t>(bytes);
    }
  }

  // For the calling thread, until _tile_release.
  void Load() const {
    __asm__ volatile("" : : "r"(this) : "memory");  // GCC's intrinsic names the first bytes alone as read
    _tile_loadconfig(this);
  }
};

}  // namespace pass::kernels
