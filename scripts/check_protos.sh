#!/usr/bin/env bash
# Checks the style of the API, and that no client of the released API breaks: proto/released.binpb is the API that was
# released last. `--release` takes today's API as the released one.
source "$(dirname "$0")/settings.sh"
scripts/deps.sh proto-lint
buf=$VENV/bin/buf
if [[ ${1:-} == --release ]]; then
  exec "$buf" build proto --exclude-source-info -o proto/released.binpb
fi
"$buf" lint proto
"$buf" breaking proto --against proto/released.binpb
