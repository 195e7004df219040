#!/usr/bin/env bash
# Formats all files of C++ and CUDA. Arguments are handed to clang-format: --dry-run --Werror only checks.
source "$(dirname "$0")/settings.sh"
scripts/deps.sh format-packages
git ls-files -z '*.h' '*.cc' '*.cu' | xargs -0 clang-format "${@:--i}"
