#!/usr/bin/env bash
# Measures the tables of docs/RESULTS.md (hours: leave the machine alone meanwhile) and draws their pictures. Arguments are handed to
# bench/paper.py, e.g. --quick, --limit 8 or --only lengths-full. EMBEDDINGS and FULL name look-ahead files without and with adapter and head,
# OUT the folder of the results, PLOTS that of the pictures.
source "$(dirname "$0")/settings.sh"
scripts/build.sh pass-bench pass-train fixed_token_file
scripts/deps.sh model plots
out=${OUT:-$BUILD/paper}
embeddings=${EMBEDDINGS:-$default_embeddings}
full=${FULL:-$default_lookahead}
"$VENV/bin/python" bench/paper.py --model "$(model_path)" --build "$BUILD" --embeddings "$embeddings" --full "$full" \
  --out "$out" "$@"
"$VENV/bin/python" bench/plot.py "$out" --out "${PLOTS:-$out}"
