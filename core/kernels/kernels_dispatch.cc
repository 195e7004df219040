#include "core/kernels/bf16_linear.h"
#include "core/kernels/draft_kernels.h"
#include "core/kernels/kernels.h"

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
#endif
#undef PASS_DECLARE_TABLES

namespace {

enum class Isa { kGeneric, kAvx2, kAvx512, kAvx512Bf16 };

Isa ChooseIsa() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
    return __builtin_cpu_supports("avx512bf16") ? Isa::kAvx512Bf16 : Isa::kAvx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::kAvx2;
#endif
  return Isa::kGeneric;
}

const Isa kIsa = ChooseIsa();

}  // namespace

// Here and not in bf16_linear.cc, none of which may run before the answer is known.
bool CpuHasAvx512Bf16() {
#if defined(__x86_64__)
  return kIsa == Isa::kAvx512Bf16;
#else
  return false;
#endif
}

#if defined(__x86_64__)
#define PASS_CHOOSE(table)                                  \
  do {                                                      \
    if (kIsa == Isa::kAvx512Bf16) return avx512bf16::table; \
    if (kIsa == Isa::kAvx512) return avx512::table;         \
    if (kIsa == Isa::kAvx2) return avx2::table;             \
    return generic::table;                                  \
  } while (false)
#else
#define PASS_CHOOSE(table) return generic::table
#endif

template <>
const Table<Bf16>& ForThisCpu<Bf16>() {
  PASS_CHOOSE(kBf16Table);
}

template <>
const Table<float>& ForThisCpu<float>() {
  PASS_CHOOSE(kFloatTable);
}

template <>
const DraftTable<Bf16>& DraftsForThisCpu<Bf16>() {
  PASS_CHOOSE(kBf16Drafts);
}

template <>
const DraftTable<float>& DraftsForThisCpu<float>() {
  PASS_CHOOSE(kFloatDrafts);
}

#undef PASS_CHOOSE

const char* InstructionSet() {
  switch (kIsa) {
    case Isa::kAvx512Bf16:
      return "avx512bf16";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kGeneric:
      break;
  }
  return "generic";
}

}  // namespace pass::kernels
