#!/usr/bin/env bash
# configure.sh FOLDER CMAKE_ARGUMENT...: runs cmake, unless the folder was configured with these arguments.
source "$(dirname "$0")/settings.sh"
folder=$1
shift
[[ -f $folder/CMakeCache.txt && $(cat "$folder/.arguments" 2>/dev/null) == "$*" ]] && exit 0

generator=()
if [[ ! -f $folder/CMakeCache.txt ]] && command -v ninja >/dev/null; then generator=(-G Ninja); fi
mkdir -p "$folder"
rm -f "$folder/.arguments"
cmake -S . -B "$folder" "${generator[@]}" "$@"
echo "$*" >"$folder/.arguments"
