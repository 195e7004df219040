#!/usr/bin/env bash
# Measures other programs beside this one (bench/peers): sets them up, converts the model for each, measures, prints tables
# and draws docs' picture into OUT. The first time takes half an hour, most of it llama.cpp's build. Arguments are handed to
# bench/peers/run.py, e.g. --only decode --rounds 2 --peers 'llama|pass'. Leave the machine alone meanwhile.
#   scripts/peers.sh --setup    only sets up and converts
# With PASS_MAX_ISA llama.cpp and this program alone are measured, both without the instructions beyond it: as on an older CPU.
source "$(dirname "$0")/settings.sh"

# llama.cpp is built for this very CPU. Up to 12, GCC takes the writes of its AMX tile configuration for dead, and the
# program ends with an illegal instruction at the first forward of two rows: the two flags keep them.
llama_cmake='-DGGML_NATIVE=ON -DCMAKE_CXX_FLAGS="-fno-tree-dse -fno-dse"'

install_peers() {
  local stamp=$VENV_PEERS/.installed-peers
  cmp -s requirements/peers.txt "$stamp" && return
  [[ -x $VENV_PEERS/bin/pip ]] || "$VENV/bin/python" -m venv "$VENV_PEERS"
  # What both need is there already: the peers' environment sees this one's packages.
  see_packages "$VENV_PEERS" "$(site_packages)"
  say "installing requirements/peers.txt in $VENV_PEERS; llama.cpp is compiled, which takes minutes"
  CMAKE_ARGS=$llama_cmake CMAKE_BUILD_PARALLEL_LEVEL=$JOBS "$VENV_PEERS/bin/pip" install --quiet \
    --disable-pip-version-check -r requirements/peers.txt
  cp requirements/peers.txt "$stamp"
}

# see_packages ENVIRONMENT FOLDER...: it finds the packages of the folders too, behind its own.
see_packages() { printf '%s\n' "${@:2}" >"$(packages_of "$1")/base.pth"; }

# llama.cpp once more, in an environment that sees the peers' packages and has its own before them.
install_limited() {
  local flags='-DGGML_NATIVE=OFF' stamp=$VENV_LIMITED/.installed-peers
  case $PASS_MAX_ISA in
    avx2) ;;
    avx512) flags+=' -DGGML_AVX512=ON' ;;
    avx512vnni) flags+=' -DGGML_AVX512=ON -DGGML_AVX512_VNNI=ON' ;;
    avx512bf16) flags+=' -DGGML_AVX512=ON -DGGML_AVX512_VNNI=ON -DGGML_AVX512_BF16=ON' ;;
    *) die "PASS_MAX_ISA: llama.cpp can be limited to avx2, avx512, avx512vnni or avx512bf16" ;;
  esac
  cmp -s requirements/peers.txt "$stamp" && return
  [[ -x $VENV_LIMITED/bin/pip ]] || "$VENV_PEERS/bin/python" -m venv "$VENV_LIMITED"
  see_packages "$VENV_LIMITED" "$(packages_of "$VENV_PEERS")" "$(site_packages)"
  say "compiling llama.cpp for $PASS_MAX_ISA in $VENV_LIMITED"
  CMAKE_ARGS=$flags CMAKE_BUILD_PARALLEL_LEVEL=$JOBS "$VENV_LIMITED/bin/pip" install --quiet --no-cache-dir --no-deps \
    --ignore-installed --disable-pip-version-check "$(grep '^llama-cpp-python' requirements/peers.txt)"
  cp requirements/peers.txt "$stamp"
}

scripts/deps.sh references model plots
if [[ ! -x $BUILD/bin/pass-server || ! -x $BUILD/bin/pass-bench ]]; then scripts/build.sh pass-server pass-bench; fi
install_peers
folder=${OUT:-$BUILD/peers} python=$VENV_PEERS/bin/python results=results which=()
"$python" bench/peers/convert.py "$(model_path)" "$folder"
if [[ -n ${PASS_MAX_ISA:-} ]]; then
  VENV_LIMITED=$VENV_PEERS-$PASS_MAX_ISA
  install_limited
  python=$VENV_LIMITED/bin/python results=results-$PASS_MAX_ISA which=(--peers 'llama|^pass')
fi
if [[ ${1:-} == --setup ]]; then exit; fi
"$python" bench/peers/run.py --model "$(model_path)" --folder "$folder" --results "$results" --programs "$BUILD/bin" \
  --lookahead-file "$(lookahead_path)" "${which[@]}" "$@"
"$python" bench/peers/report.py "$folder/$results" | tee "$folder/$results.md"
if compgen -G "$folder/$results/decode-*.json" >/dev/null; then
  "$python" bench/peers/plot.py "$folder/$results" --out "$folder/$results.png"
fi
