#!/usr/bin/env bash
# gpu_check.sh --bundle FOLDER [--model FILE] [--lookahead FILE] [--device cuda|cpu] [--out FOLDER] [--limit SECONDS]
#              [--sections NAME...]
# For a machine with a GPU, and without a network: builds core, its tests and pass-bench against the torch that python3 has
# (2.11 or newer), runs the tests on the device, measures, and prints one table (bench/gpu_check.py). The bundle is what
# scripts/gpu_bundle.sh makes elsewhere; without --bundle the machine's own packages are taken. Without --model one of random
# weights is made. Needs CMake 3.25, a C++20 compiler and ninja or make. Ends within five minutes on 16 cores. Variables:
#   PYTHON=python3      the Python that has torch
#   JOBS=N              compilers at a time
source "$(dirname "$0")/settings.sh"
started=$(date +%s)
PYTHON=${PYTHON:-python3}
bundle='' model='' lookahead='' device=cuda out=$PWD/build-gpu/results limit=290
sections=()

usage() { die "$1; usage: $(sed -n '2,3s/^# *//p' "$0" | tr '\n' ' ')"; }
while (($#)); do
  option=$1
  (($# > 1)) || usage "$option wants a value"
  case $option in
    --bundle) bundle=$2 ;;
    --model) model=$(realpath "$2") ;;
    --lookahead) lookahead=$(realpath "$2") ;;
    --device) device=$2 ;;
    --out) out=$(realpath -m "$2") ;;
    --limit) limit=$2 ;;
    --sections)
      while (($# > 1)) && [[ $2 != --* ]]; do
        sections+=("$2")
        shift
      done
      shift
      continue
      ;;
    *) usage "unknown option $option" ;;
  esac
  shift 2
done
[[ -z $bundle || -f $bundle/packages.txt ]] || die "$bundle is not what scripts/gpu_bundle.sh makes: run that first"
[[ -z $model || -e $model ]] || die "$model is not there: name a GGUF file, or leave --model out"
[[ -z $lookahead || -f $lookahead ]] || die "$lookahead is not there: name a look-ahead file, or leave --lookahead out"
# The random model has the shape of the one that these were learned on.
[[ -n $model || -n $lookahead ]] || lookahead=$(lookahead_path)

torch=$("$PYTHON" -c 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])' 2>/dev/null) ||
  die "$PYTHON has no torch: install it, or name another Python with PYTHON=PATH"
version=$(sed -n "s/^__version__ = '\(.*\)'/\1/p" "$torch/version.py")
[[ $(printf '2.11\n%s\n' "${version%%+*}" | sort -V | head -n 1) == 2.11 ]] ||
  die "$PYTHON has torch $version: 2.11 or newer is needed"
[[ $device == cpu || -f $torch/lib/libtorch_cuda.so ]] ||
  die "torch $version in $torch is a build without CUDA: use --device cpu, or install a CUDA build"
say "torch $version, nvcc: $(command -v nvcc || echo none), compiler: $(${CXX:-c++} --version | head -n 1)"

build=$PWD/build-gpu
arguments=(-DCMAKE_BUILD_TYPE=Release "-DCMAKE_CXX_FLAGS_RELEASE=-O2 -DNDEBUG" "-DLIBTORCH=$torch" -DPASS_WITH_GRPC=OFF)
if [[ -n $bundle ]]; then
  # Debian keeps libraries in a folder of the machine's kind, which other distributions do not look into.
  arguments+=("-DCMAKE_PREFIX_PATH=$(realpath "$bundle")/usr" -DCMAKE_LIBRARY_ARCHITECTURE=x86_64-linux-gnu)
fi
scripts/configure.sh "$build" "${arguments[@]}"

# While the compilers run: the random model, and what torch.compile keeps for the baseline's next start.
prepare() {
  local shape=$model
  if [[ -z $model ]]; then
    shape=$build/random-model
    [[ -f $shape/tokenizer.json ]] || "$PYTHON" bench/random_model.py "$shape"
  fi
  [[ $device != cpu ]] || return 0
  TORCHINDUCTOR_CACHE_DIR=$build/inductor timeout 120 "$PYTHON" bench/compiled_baseline.py --model "$shape" \
    --device "$device" --tokens 8 --repetitions 1
}
prepare >"$build/prepare.log" 2>&1 &
prepared=$!
# Only what the measured sections need; the other tests are built when those are done.
cmake --build "$build" --parallel "$JOBS" --target pass-bench cuda_kernels_test device_test row_invariance_test methods_test
wait "$prepared" || say "no baseline was prepared: $(tail -n 1 "$build/prepare.log")"
say "built in $(($(date +%s) - started)) s"

"$PYTHON" bench/gpu_check.py --build "$build" --out "$out" --device "$device" --started "$started" --limit "$limit" \
  ${model:+--model "$model"} ${lookahead:+--lookahead "$lookahead"} ${sections:+--sections "${sections[@]}"}
