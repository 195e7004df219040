#!/usr/bin/env bash
# Checks the format of all C++ files and the API, and runs clang-tidy (.clang-tidy) over what build/ compiles.
source "$(dirname "$0")/settings.sh"
scripts/format.sh --dry-run --Werror
scripts/check_protos.sh
scripts/build.sh
git ls-files -z '*.cc' | xargs -0 -n 4 -P "$JOBS" clang-tidy -p "$BUILD" --quiet
