#!/usr/bin/env bash
# Measures other programs beside this one (bench/peers): sets them up, converts the model for each, measures, prints tables
# and draws docs' picture into OUT. The first time takes half an hour, most of it llama.cpp's build. Arguments are handed to
# bench/peers/run.py, e.g. --only decode --rounds 2 --peers 'llama|pass'. Leave the machine alone meanwhile.
#   scripts/peers.sh --setup    only sets up and converts
source "$(dirname "$0")/settings.sh"

# llama.cpp is built for this very CPU. Up to 12, GCC takes the writes of its AMX tile configuration for dead, and the
# program ends with an illegal instruction at the first forward of two rows: the two flags keep them.
llama_cmake='-DGGML_NATIVE=ON -DCMAKE_CXX_FLAGS="-fno-tree-dse -fno-dse"'

install_peers() {
  local stamp=$VENV_PEERS/.installed-peers
  cmp -s requirements/peers.txt "$stamp" && return
  [[ -x $VENV_PEERS/bin/pip ]] || "$VENV/bin/python" -m venv "$VENV_PEERS"
  # What both need is there already: the peers' environment sees this one's packages.
  site_packages >"$("$VENV_PEERS/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/base.pth"
  say "installing requirements/peers.txt in $VENV_PEERS; llama.cpp is compiled, which takes minutes"
  CMAKE_ARGS=$llama_cmake CMAKE_BUILD_PARALLEL_LEVEL=$JOBS "$VENV_PEERS/bin/pip" install --quiet \
    --disable-pip-version-check -r requirements/peers.txt
  cp requirements/peers.txt "$stamp"
}

scripts/deps.sh references model plots
if [[ ! -x $BUILD/bin/pass-server || ! -x $BUILD/bin/pass-bench ]]; then scripts/build.sh pass-server pass-bench; fi
install_peers
folder=${OUT:-$BUILD/peers}
"$VENV_PEERS/bin/python" bench/peers/convert.py "$(model_path)" "$folder"
if [[ ${1:-} == --setup ]]; then exit; fi
"$VENV_PEERS/bin/python" bench/peers/run.py --model "$(model_path)" --folder "$folder" --programs "$BUILD/bin" \
  --lookahead-file "$(lookahead_path)" "$@"
"$VENV_PEERS/bin/python" bench/peers/report.py "$folder/results" | tee "$folder/report.md"
if compgen -G "$folder/results/decode-*.json" >/dev/null; then
  "$VENV_PEERS/bin/python" bench/peers/plot.py "$folder/results" --out "$folder/peers.png"
fi
