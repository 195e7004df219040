#!/usr/bin/env bash
# Compares the bytes of every method, alone and in batches, with plain decoding's, on 208 prompts: the first 32 of each set of the
# benchmark and those of the tests. Takes about half an hour on two cores. Arguments are handed to `pass-bench verify`, e.g. --count 20 --tokens 32.
source "$(dirname "$0")/settings.sh"
scripts/build.sh pass-bench
scripts/deps.sh model
lookahead=$(lookahead_path)
"$BUILD/bin/pass-bench" verify --model "$(model_path)" ${lookahead:+--lookahead-file "$lookahead"} \
  --prompts bench/prompts/{code,prose,chat,python,english}.txt tests/e2e/prompts/{code,prose}.txt --limit 32 "$@"
