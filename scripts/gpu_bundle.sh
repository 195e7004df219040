#!/usr/bin/env bash
# gpu_bundle.sh OUT_FOLDER: fills a folder with what core, its tests and pass-bench are built with beside LibTorch, so that a
# machine without a network can build them (scripts/gpu_check.sh). Everything is taken from Debian 12's packages: headers,
# static libraries and CMake files, in Debian's own layout, so that CMAKE_PREFIX_PATH=OUT_FOLDER/usr finds them. Needs
# apt-get and dpkg-deb; nothing is installed.
source "$(dirname "$0")/settings.sh"
readonly largest_mib=60

# NAME=VERSION: what Debian 12 (bookworm) has, whichever of its repairs. Static libraries want a linker and a C++ library no older than these.
packages=(
  libabsl-dev=20220623.1-*
  libgtest-dev=1.12.1-*
  libgmock-dev=1.12.1-*
  libpcre2-dev=10.42-*
  libutf8proc-dev=2.8.0-*
  libxxhash-dev=0.8.1-*
  nlohmann-json3-dev=3.11.2-*
  libcli11-dev=2.1.2+ds-*
)

(($# == 1)) || die "usage: scripts/gpu_bundle.sh OUT_FOLDER"
out=$(realpath -m "$1")
[[ ! -e $out || -z $(ls -A "$out" 2>/dev/null) || -f $out/packages.txt ]] ||
  die "$out holds something else: name an empty folder, or one that this script filled"
for tool in apt-get dpkg-deb; do
  command -v "$tool" >/dev/null || die "$tool is missing: run this on Debian 12"
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# apt reads the packages as a user of its own.
chmod 755 "$scratch"
(cd "$scratch" && apt-get download -qq "${packages[@]}" 2>"$scratch/log") ||
  die "a package cannot be had: run apt-get update, and use Debian 12. apt-get says: $(tail -n 1 "$scratch/log")"

rm -rf "$out"
mkdir -p "$out"
for package in "$scratch"/*.deb; do dpkg-deb -x "$package" "$out"; done

# What no build here reads: documents, sources, shared objects' names, and libraries for other widths of characters.
rm -rf "${out:?}"/usr/{bin,src} "$out"/usr/share/{doc,man,bug,lintian}
find "$out" \( -name '*.so' -o -name 'libpcre2-16.*' -o -name 'libpcre2-32.*' -o -name 'libpcre2-posix.*' \) -delete
find "$out" -type d -empty -delete
# Abseil's CMake files name the shared objects, which are in other packages; the static libraries lie beside them.
sed -i -E -e 's/ SHARED IMPORTED/ STATIC IMPORTED/' -e '/IMPORTED_SONAME/d' -e 's/\.so\.[0-9.]+"/.a"/' \
  "$out"/usr/lib/*/cmake/absl/abslTargets*.cmake

for package in "$scratch"/*.deb; do dpkg-deb --show "$package"; done >"$out/packages.txt"
mib=$(($(du -sk "$out" | cut -f1) / 1024))
((mib < largest_mib)) || die "$out has $mib MiB, which is more than $largest_mib"
say "$out: $mib MiB from ${#packages[@]} packages of Debian 12"
