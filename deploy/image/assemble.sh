#!/usr/bin/env bash
# assemble.sh [--variant cpu|cuda] [--bin FOLDER] [--torch FOLDER] TARGET: lays out in the empty folder TARGET exactly
# what the image holds. The Dockerfile copies it whole, and tests/deploy/test_image.py serves from it.
#   TARGET/opt/pass/bin    the server and the client, stripped
#   TARGET/opt/pass/lib    LibTorch's shared objects, and NVIDIA's in the CUDA variant
#   TARGET/opt/pass/models the look-ahead files that come with the program
#   TARGET/lib...          Debian's shared objects that these need, where Debian has them
#   TARGET/usr/share/doc, TARGET/opt/pass/licences, TARGET/opt/pass/sbom.spdx.json
source "$(dirname "$0")/../../scripts/settings.sh"

variant=cpu bin=$BUILD/bin torch=
while (($# > 1)); do
  case $1 in
    --variant) variant=$2 ;;
    --bin) bin=$2 ;;
    --torch) torch=$2 ;;
    *) die "unknown: $1" ;;
  esac
  shift 2
done
(($# == 1)) || die "usage: deploy/image/assemble.sh [--variant cpu|cuda] [--bin FOLDER] [--torch FOLDER] TARGET"
[[ $variant == cpu || $variant == cuda ]] || die "--variant must be cpu or cuda, not '$variant'"
target=$1
torch=${torch:-$(libtorch_path)}
cpu_limit_mib=1024
user=10001

mkdir -p "$target"
[[ -z $(ls -A "$target") ]] || die "$target is not empty"
mkdir -p "$target"/opt/pass/{bin,lib,models,licences} "$target"/{etc/pass-server,models,tmp,usr/share/doc,var/lib/dpkg/status.d}
owners=$(mktemp)  # path in the image, package, kind: what the SBOM says
trap 'rm -f "$owners" "$owners.closure"' EXIT

# place SOURCE PATH PACKAGE KIND: copies a file, follows links, and notes whose it is. Programs and shared objects may
# be run.
place() {
  local mode=0644
  [[ $2 == opt/pass/bin/* || $2 == *.so* ]] && mode=0755
  install -D --preserve-timestamps --mode "$mode" "$1" "$target/$2"
  printf '%s\t%s\t%s\n' "$2" "$3" "$4" >>"$owners"
}

# The Debian package that owns a shared object, which ldd may name through the link /lib -> usr/lib.
debian_owner() {
  local path
  for path in "$1" "$(realpath "$1")" "/usr$1"; do
    dpkg-query --search "$path" 2>/dev/null | head -1 | cut -d: -f1 | grep . && return
  done
  return 1
}

place_programs() {
  local program
  for program in pass-server pass-client; do
    [[ -x $bin/$program ]] || die "$bin/$program is missing: run make build"
    place "$bin/$program" "opt/pass/bin/$program" pass-server own
    strip --strip-unneeded "$target/opt/pass/bin/$program"
  done
  for program in models/*.safetensors models/README.md; do place "$program" "opt/pass/$program" pass-server own; done
  place LICENSE opt/pass/licences/pass-server.txt pass-server own
}

# Everything that the loader would load for these files, as paths.
closure() {
  LD_LIBRARY_PATH=$torch/lib ldd "$@" 2>/dev/null |
    awk '/=> not found/ {print "missing " $1; next} / => \// {print $3} /^\t\// {print $1}' | sort -u
}

# The name of the wheel that a path inside site-packages belongs to: torch, or nvidia-cublas for nvidia/cublas/lib/x.so.
wheel_owner() {
  local parts
  IFS=/ read -ra parts <<<"${1#"$(realpath "$torch/..")"/}"
  if [[ ${parts[0]} == nvidia ]]; then echo "nvidia-${parts[1]}"; else echo "${parts[0]}"; fi
}

place_shared_objects() {
  local path owner site
  site=$(realpath "$torch/..")
  closure "$bin/pass-server" "$bin/pass-client" >"$owners.closure"
  if [[ $variant == cuda ]]; then
    [[ -e $torch/lib/libtorch_cuda.so ]] || die "$torch is a CPU build: leave TORCH_PIP_ARGS empty for the CUDA variant"
    # What CUDA's libraries load by name while they run stands in no list of needed objects: all of them.
    find "$site/nvidia" -name '*.so*' -type f >>"$owners.closure"
  elif [[ -e $torch/lib/libtorch_cuda.so ]]; then
    die "$torch is a CUDA build: give TORCH_PIP_ARGS an index of CPU wheels for the CPU variant"
  fi
  if grep missing "$owners.closure" >&2; then die "the loader does not find these"; fi
  while read -r path; do
    if [[ $(realpath "$path") == "$site"/* ]]; then
      [[ -e $target/opt/pass/lib/$(basename "$path") ]] ||
        place "$path" "opt/pass/lib/$(basename "$path")" "$(wheel_owner "$(realpath "$path")")" wheel
    elif owner=$(debian_owner "$path"); then
      place "$path" "${path#/}" "$owner" debian
    else
      die "$path belongs to no Debian package and to no wheel: the SBOM could not name it"
    fi
  done <"$owners.closure"
}

place_licences() {
  local package
  for package in $(awk -F'\t' '$3 == "debian" {print $2}' "$owners" | sort -u); do
    place "/usr/share/doc/$package/copyright" "usr/share/doc/$package/copyright" "$package" debian
    # Where scanners of images without dpkg look for Debian's packages.
    dpkg-query --status "$package" >"$target/var/lib/dpkg/status.d/$package"
    printf '%s\t%s\t%s\n' "var/lib/dpkg/status.d/$package" "$package" debian >>"$owners"
  done
  local licence
  while read -r licence; do
    package=$(basename "${licence%%.dist-info/*}")
    place "$licence" "opt/pass/licences/${package%%-*}/${licence#*.dist-info/}" torch wheel
  done < <(find "$torch"/../torch-*.dist-info "$torch"/../nvidia_*.dist-info -type f \
    \( -iname 'licen[sc]e*' -o -iname 'notice*' \) 2>/dev/null)
}

place_system_files() {
  printf 'pass:x:%d:%d:pass-server:/:/sbin/nologin\n' $user $user >"$target/etc/passwd"
  printf 'pass:x:%d:\n' $user >"$target/etc/group"
  printf 'hosts: files dns\n' >"$target/etc/nsswitch.conf"
  local name
  for name in passwd group nsswitch.conf; do printf '%s\t%s\t%s\n' "etc/$name" pass-server own >>"$owners"; done
  chmod 1777 "$target/tmp"
}

place_programs
place_shared_objects
place_licences
place_system_files
python3 deploy/image/sbom.py --root "$target" --owners "$owners" --torch "$torch" --variant "$variant"

size_mib=$(($(du --summarize --bytes "$target" | cut -f1) / 1048576))
say "$variant image: $size_mib MiB in $(find "$target" -type f | wc -l) files"
if [[ $variant == cpu ]] && ((size_mib >= cpu_limit_mib)); then die "the CPU image must stay below $cpu_limit_mib MiB"; fi
