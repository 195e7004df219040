#!/usr/bin/env bash
# lint.sh [FILE...]: checks the format of all C++ files and the API, and runs clang-tidy (.clang-tidy) over these files, by
# default over all that build/ compiles.
source "$(dirname "$0")/settings.sh"
scripts/format.sh --dry-run --Werror
scripts/check_protos.sh
scripts/build.sh
scripts/deps.sh lint
if (($# == 0)); then
  mapfile -t found < <(git ls-files '*.cc' | grep -Fxf <(grep -oP '"file": "'"$PWD"'/\K[^"]+' "$BUILD/compile_commands.json"))
  set -- "${found[@]}"
fi
# clang-tidy comes without an omp.h; the compiler's has nothing but declarations. It cannot read the compiler's precompiled headers,
# and so gets commands without them.
mkdir -p "$BUILD/lint"
sed 's/ -include [^ ]*cmake_pch\.hxx//' "$BUILD/compile_commands.json" >"$BUILD/lint/compile_commands.json"
ln -sf "$(${CXX:-c++} -print-file-name=include/omp.h)" "$BUILD/lint/omp.h"
printf '%s\0' "$@" | xargs -0 -n 4 -P "$JOBS" "$VENV/bin/clang-tidy" -p "$BUILD/lint" --quiet --extra-arg="-isystem$BUILD/lint"
