#!/usr/bin/env bash
# Starts a server on a free port, runs the client's demo against it, and stops it whatever happens.
source "$(dirname "$0")/settings.sh"
scripts/build.sh pass-server pass-client
scripts/deps.sh model

folder=$(mktemp -d)
server=
stop() {
  if [[ -n $server ]] && kill "$server" 2>/dev/null; then wait "$server" || true; fi
  rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

lookahead=$(lookahead_path)
"$BUILD/bin/pass-server" --model "$(model_path)" ${lookahead:+--lookahead-file "$lookahead"} --listen 127.0.0.1:0 \
  --metrics-listen 127.0.0.1:0 --ready-file "$folder/ready" >"$folder/log" 2>&1 &
server=$!
say "loading $(basename "$(model_path)")"
while [[ ! -s $folder/ready ]]; do
  kill -0 "$server" 2>/dev/null || { cat "$folder/log" >&2; die "the server did not start"; }
  sleep 0.1
done
address=$("$VENV/bin/python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["grpc"])' "$folder/ready")
"$BUILD/bin/pass-client" demo --address "$address"
