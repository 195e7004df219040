#include "core/kernels/draft_kernels.h"
#include "core/kernels/kernels.h"
#include "core/kernels/quantized.h"

namespace pass::kernels {

#define PASS_DECLARE_TABLES(isa)               \
  namespace isa {                              \
  extern const Table<Bf16> kBf16Table;         \
  extern const Table<float> kFloatTable;       \
  extern const DraftTable<Bf16> kBf16Drafts;   \
  extern const DraftTable<float> kFloatDrafts; \
  }
PASS_DECLARE_TABLES(generic)
#if defined(__x86_64__)
PASS_DECLARE_TABLES(avx2)
PASS_DECLARE_TABLES(avx512)
PASS_DECLARE_TABLES(avx512bf16)
PASS_DECLARE_TABLES(amxbf16)
#endif
#undef PASS_DECLARE_TABLES

#define PASS_DECLARE_QUANTIZED(isa)                   \
  namespace isa {                                     \
  extern const QuantizedTable<Bf16> kBf16Quantized;   \
  extern const QuantizedTable<float> kFloatQuantized; \
  }
PASS_DECLARE_QUANTIZED(generic)
#if defined(__x86_64__)
PASS_DECLARE_QUANTIZED(avx2)
PASS_DECLARE_QUANTIZED(avx512)
PASS_DECLARE_QUANTIZED(avx512vnni)
#endif
#undef PASS_DECLARE_QUANTIZED

// VNNI is of use to quantised weights alone, and bf16 instructions are not: which namespaces a CPU with tiles, with bf16
// instructions or with VNNI takes.
#define PASS_FLOATS amxbf16, avx512bf16, avx512
#define PASS_QUANTIZED avx512vnni, avx512vnni, avx512vnni
#if defined(__x86_64__)
#define PASS_CHOOSE_OF(isa, table, with_tiles, with_bf16, with_vnni) \
  switch (isa) {                                                     \
    case Isa::kAmxBf16:                                              \
      return with_tiles::table;                                      \
    case Isa::kAvx512Bf16:                                           \
      return with_bf16::table;                                       \
    case Isa::kAvx512Vnni:                                           \
      return with_vnni::table;                                       \
    case Isa::kAvx512:                                               \
      return avx512::table;                                          \
    case Isa::kAvx2:                                                 \
      return avx2::table;                                            \
    case Isa::kGeneric:                                              \
      break;                                                         \
  }                                                                  \
  return generic::table
#else
#define PASS_CHOOSE_OF(isa, table, with_tiles, with_bf16, with_vnni) return generic::table
#endif
#define PASS_CHOOSE(isa, table, ...) PASS_CHOOSE_OF(isa, table, __VA_ARGS__)

template <>
const Table<Bf16>& TableOf<Bf16>([[maybe_unused]] Isa isa) {
  PASS_CHOOSE(isa, kBf16Table, PASS_FLOATS);
}

template <>
const Table<float>& TableOf<float>([[maybe_unused]] Isa isa) {
  PASS_CHOOSE(isa, kFloatTable, PASS_FLOATS);
}

template <>
const DraftTable<Bf16>& DraftTableOf<Bf16>([[maybe_unused]] Isa isa) {
  PASS_CHOOSE(isa, kBf16Drafts, PASS_FLOATS);
}

template <>
const DraftTable<float>& DraftTableOf<float>([[maybe_unused]] Isa isa) {
  PASS_CHOOSE(isa, kFloatDrafts, PASS_FLOATS);
}

template <>
const QuantizedTable<Bf16>& QuantizedTableOf<Bf16>([[maybe_unused]] Isa isa) {
  PASS_CHOOSE(isa, kBf16Quantized, PASS_QUANTIZED);
}

template <>
const QuantizedTable<float>& QuantizedTableOf<float>([[maybe_unused]] Isa isa) {
  PASS_CHOOSE(isa, kFloatQuantized, PASS_QUANTIZED);
}

#undef PASS_CHOOSE
#undef PASS_CHOOSE_OF
#undef PASS_QUANTIZED
#undef PASS_FLOATS

}  // namespace pass::kernels
