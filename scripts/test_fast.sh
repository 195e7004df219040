#!/usr/bin/env bash
# The tests that need neither LibTorch nor a model, in a build folder of their own.
source "$(dirname "$0")/settings.sh"
scripts/deps.sh packages protos

folder=$PWD/build-fast
scripts/configure.sh "$folder" -DCMAKE_BUILD_TYPE=Release -DPASS_WITH_TORCH=OFF "-DPASS_COMMON_PROTOS=$(site_packages)"
cmake --build "$folder" --parallel "$JOBS"
ctest --test-dir "$folder" -L fast --output-on-failure --no-tests=error --parallel "$JOBS"
