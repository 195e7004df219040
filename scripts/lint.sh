#!/usr/bin/env bash
# lint.sh [FILE...]: checks the format of all C++ files and the API, and runs clang-tidy (.clang-tidy) over these files, by
# default over all that build/ compiles. In CI that would take longest of all: there it is the decoding loop and the gateway.
source "$(dirname "$0")/settings.sh"
scripts/format.sh --dry-run --Werror
scripts/check_protos.sh
scripts/build.sh
if (($# == 0)); then
  files=('*.cc')
  if [[ ${CI:-} == true ]]; then files=('core/decode/*.cc' 'core/engine/*.cc' 'server/gateway/*.cc' 'server/dialects/*.cc'); fi
  mapfile -d '' -t found < <(git ls-files -z "${files[@]}")
  set -- "${found[@]}"
fi
printf '%s\0' "$@" | xargs -0 -n 4 -P "$JOBS" clang-tidy -p "$BUILD" --quiet
