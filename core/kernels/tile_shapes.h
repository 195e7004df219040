// The shapes of AMX's eight tiles, as ldtilecfg reads them (Intel 64 and IA-32 Architectures Software Developer's Manual,
// volume 2), and what GCC's intrinsics do not say of memory. For files that are compiled for AMX, and for them alone.
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

// What was written to `memory` before is there for tiles, and nothing of what follows is: GCC's intrinsics name no memory that
// they read.
template <typename Memory>
inline __attribute__((always_inline)) void FenceTiles(Memory& memory) {
  __asm__ volatile("" : "+m"(memory));
}

// A tile's rows to those of `rows`. GCC's intrinsic says that it writes to any memory: around it nothing that has an address
// would stay in registers.
template <int kTile, typename Rows>
inline __attribute__((always_inline)) void StoreTile(Rows& rows) {
  constexpr auto kRowBytes = static_cast<int64_t>(sizeof(rows[0]));
  __asm__ volatile("tilestored %%tmm%c[tile], (%[to],%[stride],1)"
                   : "=m"(rows)
                   : [tile] "i"(kTile), [to] "r"(&rows), [stride] "r"(kRowBytes));
}

}  // namespace pass::kernels
