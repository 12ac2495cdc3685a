#!/usr/bin/env bash
# Unpacks Debian's cloud kernel (vmlinuz and modules) of an architecture into a folder, without installing it and
# without adding the architecture to this machine.
#   usage: tests/vm/get_kernel.sh amd64|arm64 DIR
set -euo pipefail
arch=$1
dir=$2
[[ -s $dir/vmlinuz ]] && exit 0
mkdir -p "$dir"
dir=$(readlink -f "$dir")
work=$(mktemp -d /tmp/kring-kernel.XXXXXX)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
# A private state of apt that knows the wanted architecture; the machine's own is not touched.
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial"
touch "$work/status"
apt=(apt-get -qq -o "APT::Architecture=$arch" -o "APT::Architectures=$arch" -o "Dir::State=$work/state"
  -o "Dir::State::status=$work/status" -o "Dir::Cache=$work/cache")
"${apt[@]}" update >/dev/null
package=$(apt-cache -o "APT::Architecture=$arch" -o "APT::Architectures=$arch" -o "Dir::State=$work/state" \
  -o "Dir::State::status=$work/status" -o "Dir::Cache=$work/cache" \
  depends "linux-image-cloud-$arch" | awk '/Depends: linux-image/ {print $2; exit}')
if [[ -z $package ]]; then
  echo "get_kernel.sh: no package linux-image-cloud-$arch is known" >&2
  exit 1
fi
(cd "$work" && "${apt[@]}" -o APT::Sandbox::User=root download "$package:$arch" >/dev/null && dpkg-deb -x "$package"_*.deb files)
rm -rf "$dir/lib"
if [[ -d $work/files/lib/modules ]]; then cp -r "$work/files/lib" "$dir/lib"; else cp -r "$work/files/usr/lib" "$dir/lib"; fi
/sbin/depmod -b "$dir" "$(ls "$dir/lib/modules")"
cp "$work"/files/boot/vmlinuz-* "$dir/vmlinuz"
