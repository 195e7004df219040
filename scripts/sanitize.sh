#!/usr/bin/env bash
# Runs the tests that need neither LibTorch nor a model under AddressSanitizer with UndefinedBehaviorSanitizer, and those of
# the engine and the kernels under ThreadSanitizer. The server is left out there: a packaged gRPC is not instrumented, and
# its own synchronisation would be reported as races. JUnit results go to RESULTS.
source "$(dirname "$0")/settings.sh"
scripts/deps.sh packages protos
results=${RESULTS:-$BUILD/results}
mkdir -p "$results/gtest-asan" "$results/gtest-tsan"
failed=0

# run FOLDER SANITIZERS NAME [TEST...]: all tests with the label `fast`, or those that are named.
run() {
  local folder=$PWD/$1 sanitizers=$2 name=$3
  shift 3
  scripts/configure.sh "$folder" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DPASS_WITH_TORCH=OFF "-DPASS_SANITIZE=$sanitizers" \
    "-DPASS_COMMON_PROTOS=$(site_packages)" -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -g1 -DNDEBUG"
  cmake --build "$folder" --parallel "$JOBS" ${*:+--target "$@"}
  local filter=(-L fast)
  (($#)) && filter=(-R "^($(IFS='|' && echo "$*"))\$")
  GTEST_OUTPUT="xml:$results/gtest-$name/" ctest --test-dir "$folder" "${filter[@]}" --output-on-failure --no-tests=error \
    --parallel "$JOBS" --output-junit "$results/ctest-$name.xml" || failed=1
}

run build-asan address,undefined asan
run build-tsan thread tsan engine_test kernels_test
exit "$failed"
