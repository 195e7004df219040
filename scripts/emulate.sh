#!/usr/bin/env bash
# Runs the torch-free kernel tests on emulated CPUs: one with AVX2, one with neither AVX nor AVX2. Debian's qemu emulates no
# AVX-512: that is tested on hardware that has it. JUnit results go to RESULTS.
source "$(dirname "$0")/settings.sh"
scripts/deps.sh emulation-packages
results=${RESULTS:-$BUILD/results}
mkdir -p "$results"
failed=0
for cpu in Haswell Nehalem; do
  say "kernels_test on an emulated $cpu"
  qemu-x86_64 -cpu "$cpu" "$BUILD/tests/kernels_test" --gtest_brief=1 --gtest_output="xml:$results/gtest-emulated-$cpu.xml" \
    --gtest_filter=-ThreadTeam.* || failed=1
done
exit "$failed"
