#!/usr/bin/env bash
# Runs the server in the foreground. Arguments are handed on: scripts/serve.sh --dtype fp32
source "$(dirname "$0")/settings.sh"
scripts/build.sh pass-server
scripts/deps.sh model

lookahead=$(lookahead_path)
exec "$BUILD/bin/pass-server" --model "$(model_path)" ${lookahead:+--lookahead-file "$lookahead"} \
  --listen 127.0.0.1:50051 --metrics-listen 127.0.0.1:9090 "$@"
