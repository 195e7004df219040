#!/usr/bin/env bash
# Configures, compiles and links everything of core, its kernels for a GPU, its tests and pass-bench against a CUDA build of
# LibTorch, and starts pass-bench with it. Needs no GPU: that it computes, only scripts/gpu_check.sh on a machine with one can show. The wheel, some
# 5 GiB with CUDA's libraries, goes into an environment of its own, .venv-cuda. Variables:
#   TORCH_CUDA=2.13.0   the release of torch
#   TORCH_PIP_ARGS=...  how pip finds its CUDA build, where that is not what pip takes by itself
source "$(dirname "$0")/settings.sh"
environment=${VENV_CUDA:-$PWD/.venv-cuda}
version=${TORCH_CUDA:-$(sed -n 's/^torch==//p' requirements/torch.txt)}
folder=$PWD/build-cuda

scripts/deps.sh packages
if [[ $(cat "$environment/.torch" 2>/dev/null) != "$version" ]]; then
  say "installing torch $version with CUDA in $environment"
  VENV=$environment scripts/deps.sh environment
  # Word splitting is meant: TORCH_PIP_ARGS holds several arguments.
  # shellcheck disable=SC2086
  "$environment/bin/pip" install --quiet --disable-pip-version-check ${TORCH_PIP_ARGS:-} "torch==$version"
  VENV=$environment scripts/deps.sh cuda-compiler
  echo "$version" >"$environment/.torch"
fi
torch=$(packages_of "$environment")/torch
[[ -f $torch/lib/libtorch_cuda.so ]] ||
  die "$torch is a build without CUDA: name an index of CUDA wheels in TORCH_PIP_ARGS and remove $environment"

scripts/configure.sh "$folder" -DCMAKE_BUILD_TYPE=Release "-DLIBTORCH=$torch" -DPASS_WITH_GRPC=OFF
grep -q '^PASS_WITH_NVCC:BOOL=ON$' "$folder/CMakeCache.txt" || die "nvcc was not found: no kernel was compiled"
cmake --build "$folder" --parallel "$JOBS"

# That the libraries load, and what a user without a GPU reads.
"$folder/bin/pass-bench" --help >/dev/null
if command -v nvidia-smi >/dev/null && nvidia-smi >/dev/null 2>&1; then
  say "this machine has a GPU: run scripts/gpu_check.sh too"
else
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  "$environment/bin/python" bench/random_model.py "$scratch" --shape tiny
  if said=$("$folder/bin/pass-bench" cost --model "$scratch" --device cuda 2>&1); then
    die "pass-bench ran on a GPU that is not there: $said"
  fi
  [[ $said == "pass-bench: --device cuda: "* ]] || die "without a GPU pass-bench says: $said"
fi
say "core, its kernels, its tests and pass-bench compile, link and load with torch $version and CUDA. Nothing ran on a GPU"
