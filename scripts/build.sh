#!/usr/bin/env bash
# build.sh [TARGET...]: configures once for each set of arguments, then builds. With CI=true a warning is an error, without
# another flag for the compiler: what was built without it is not built again.
source "$(dirname "$0")/settings.sh"
scripts/deps.sh packages libtorch protos

arguments=(-DCMAKE_BUILD_TYPE=Release "-DLIBTORCH=$(libtorch_path)" "-DPASS_COMMON_PROTOS=$(site_packages)")
scripts/configure.sh "$BUILD" "${arguments[@]}"
(($#)) && set -- --target "$@"
log=$BUILD/build.log
cmake --build "$BUILD" --parallel "$JOBS" "$@" 2>&1 | tee "$log"
if [[ ${CI:-} == true ]] && grep 'warning:' "$log" >&2; then
  die "warnings are errors in CI: those above"
fi
