#!/usr/bin/env bash
# Compares the bytes of every method, alone and in batches, with plain decoding's, on more than 200 prompts. Takes about half an
# hour on two cores. Arguments are handed to `pass-bench verify`, e.g. --count 20 --tokens 32.
source "$(dirname "$0")/settings.sh"
scripts/build.sh pass-bench
scripts/deps.sh model
lookahead=$(lookahead_path)
"$BUILD/bin/pass-bench" verify --model "$(model_path)" ${lookahead:+--lookahead-file "$lookahead"} \
  --prompts bench/prompts/{python,english,chat}.txt tests/e2e/prompts/{code,prose}.txt "$@"
