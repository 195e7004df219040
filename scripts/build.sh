#!/usr/bin/env bash
# build.sh [TARGET...]: configures once for each set of arguments, then builds.
source "$(dirname "$0")/settings.sh"
scripts/deps.sh packages libtorch protos

arguments=(-DCMAKE_BUILD_TYPE=Release "-DLIBTORCH=$(libtorch_path)" "-DPASS_COMMON_PROTOS=$(site_packages)"
  "-DPASS_WERROR=$([[ ${CI:-} == true ]] && echo ON || echo OFF)")
scripts/configure.sh "$BUILD" "${arguments[@]}"
(($#)) && set -- --target "$@"
cmake --build "$BUILD" --parallel "$JOBS" "$@"
