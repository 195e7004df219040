#!/usr/bin/env bash
# render.sh [FOLDER]: renders the chart's examples as plain manifests, for people who avoid Helm. What is committed
# beside this script is its output; a test compares the two.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
chart=$here/../helm/pass-server
target=${1:-$here}

render() {  # render NAME EXAMPLE...
  local name=$1 arguments=() example
  shift
  for example in "$@"; do arguments+=(--values "$chart/examples/$example.yaml"); done
  mkdir -p "$target/$name"
  "${HELM:-helm}" template pass-server "$chart" --namespace pass-server --kube-version 1.35.0 --skip-tests \
    "${arguments[@]}" >"$target/$name/manifest.yaml"
}

render cpu cpu
render gpu gpu
render envoy cpu envoy
