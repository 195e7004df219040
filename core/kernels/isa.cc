#include "core/kernels/isa.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace pass::kernels {
namespace {

constexpr const char* kVariable = "PASS_MAX_ISA";
constexpr std::array<Isa, 6> kAll = {Isa::kGeneric,    Isa::kAvx2,       Isa::kAvx512,
                                     Isa::kAvx512Vnni, Isa::kAvx512Bf16, Isa::kAmxBf16};

// Tiles are large, so Linux lends them to processes that ask (Documentation/arch/x86/xstate.rst). For all threads.
bool MayUseTiles() {
#if defined(__x86_64__) && defined(__linux__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

Isa Detect() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c")) {
    return Isa::kGeneric;
  }
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq")) {
    return Isa::kAvx2;
  }
  if (!__builtin_cpu_supports("avx512vnni")) return Isa::kAvx512;
  if (!__builtin_cpu_supports("avx512bf16")) return Isa::kAvx512Vnni;
  return __builtin_cpu_supports("amx-bf16") && MayUseTiles() ? Isa::kAmxBf16 : Isa::kAvx512Bf16;
#else
  return Isa::kGeneric;
#endif
}

// oneDNN and ATen choose their own kernels, and read their limits when they are first used.
void LimitLibraries(Isa isa) {
  constexpr std::array<const char*, 6> kOneDnn = {
      "SSE41", "AVX2", "AVX512_CORE", "AVX512_CORE_VNNI", "AVX512_CORE_BF16", "AVX512_CORE_AMX"};
  constexpr std::array<const char*, 6> kAten = {"default", "avx2", "avx512", "avx512", "avx512", "avx512"};
  setenv("ONEDNN_MAX_CPU_ISA", kOneDnn[static_cast<size_t>(isa)], /*overwrite=*/0);
  setenv("ATEN_CPU_CAPABILITY", kAten[static_cast<size_t>(isa)], /*overwrite=*/0);
}

struct Choice {
  Isa cpu = Detect();
  Isa active = cpu;
  std::string_view error;

  Choice() {
    const char* limit = std::getenv(kVariable);
    if (limit == nullptr || *limit == '\0') return;
    const std::optional<Isa> named = IsaOfName(limit);
    if (!named.has_value()) {
      error = "PASS_MAX_ISA must be generic, avx2, avx512, avx512vnni, avx512bf16 or amxbf16";
      return;
    }
    active = std::min(cpu, *named);
    if (active < cpu) LimitLibraries(active);
  }
};

const Choice& TheChoice() {
  static const Choice choice;
  return choice;
}

// At load time, so that the libraries find their limits.
[[maybe_unused]] const Isa kChosenEarly = TheChoice().active;

}  // namespace

std::optional<Isa> IsaOfName(std::string_view name) {
  const auto found = std::ranges::find(kIsaNames, name);
  if (found == kIsaNames.end()) return std::nullopt;
  return static_cast<Isa>(found - kIsaNames.begin());
}

bool WeightsGoThroughLevel2() {
#if defined(__x86_64__)
  static const bool through = !__builtin_cpu_is("amd");
  return through;
#else
  return true;
#endif
}

Isa CpuIsa() { return TheChoice().cpu; }
Isa ActiveIsa() { return TheChoice().active; }
std::string_view MaxIsaError() { return TheChoice().error; }

std::span<const Isa> RunnableIsas() { return std::span(kAll).first(static_cast<size_t>(CpuIsa()) + 1); }

}  // namespace pass::kernels
