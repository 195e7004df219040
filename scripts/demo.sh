#!/usr/bin/env bash
# Starts a server on a free port, runs the client's demo against it, and stops it whatever happens. Says before each long step
# how long it may take.
source "$(dirname "$0")/settings.sh"

# Seconds once everything is there; the figures are for the first time.
say "1 of 4: packages, LibTorch and protobuf files. The first time 1 to 10 minutes, by the network and by pip's choice of torch"
scripts/deps.sh packages libtorch protos
say "2 of 4: building the server and the client with $JOBS jobs. The first time about $((16 / JOBS + 1)) minutes"
scripts/build.sh pass-server pass-client
[[ -n ${MODEL:-} ]] || say "3 of 4: the model. The first time 98 MB to download"
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

say "4 of 4: loading $(basename "$(model_path)"). The smallest models take seconds"
lookahead=$(lookahead_path)
"$BUILD/bin/pass-server" --model "$(model_path)" ${lookahead:+--lookahead-file "$lookahead"} --listen 127.0.0.1:0 \
  --metrics-listen 127.0.0.1:0 --ready-file "$folder/ready" >"$folder/log" 2>&1 &
server=$!
while [[ ! -s $folder/ready ]]; do
  kill -0 "$server" 2>/dev/null || { cat "$folder/log" >&2; die "the server did not start"; }
  sleep 0.1
done
address=$("$VENV/bin/python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["grpc"])' "$folder/ready")
"$BUILD/bin/pass-client" demo --address "$address"
