// The instruction sets that the kernels are compiled for, and the one that this process uses: the best that the CPU has,
// or less if the environment variable PASS_MAX_ISA says so. Constant after static initialisation; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace pass::kernels {

enum class Isa : uint8_t {
  kGeneric,
  kAvx2,
  kAvx512,
  kAvx512Vnni,
  kAvx512Bf16,
  kAmxBf16
};  // each has all of those before it

inline constexpr std::array<std::string_view, 6> kIsaNames = {"generic",    "avx2",       "avx512",
                                                              "avx512vnni", "avx512bf16", "amxbf16"};

constexpr std::string_view IsaName(Isa isa) { return kIsaNames[static_cast<size_t>(isa)]; }
std::optional<Isa> IsaOfName(std::string_view name);

// What the CPU has, PASS_MAX_ISA left aside.
Isa CpuIsa();
// What the kernels of this process are chosen by. A PASS_MAX_ISA that is no name counts as unset; see MaxIsaError.
Isa ActiveIsa();
// Whether weights are asked for into the second-level cache, whatever the number of rows. Otherwise few rows let them pass
// it by. Measured: on Emerald Rapids one row takes half the time with it, on Zen 4 and 5 some per cent more.
bool WeightsGoThroughLevel2();
// All that this CPU can run, the least first: for tests of every kernel.
std::span<const Isa> RunnableIsas();

// What is wrong with PASS_MAX_ISA, for whoever starts the process; empty: nothing.
std::string_view MaxIsaError();

}  // namespace pass::kernels
