#!/usr/bin/env bash
# Installs what kring's build needs from Debian 12's packages; with "tests", also what its tests need.
# Installs only what is missing and says so; changes nothing when all is there.
#   usage: sudo examples/install.sh [tests]
set -euo pipefail

build=(clang-19 lld-19 libclang-rt-19-dev cmake ninja-build ccache make git ca-certificates
  libboost1.81-dev liburing-dev libflatbuffers-dev flatbuffers-compiler libssl-dev libgtest-dev
  libarchive-dev libseccomp-dev libzstd-dev zlib1g-dev libyaml-dev libcli11-dev busybox-static)
tests=(curl jq iproute2 procps util-linux kmod qemu-system-x86 docker-registry wrk nginx-light)

wanted=("${build[@]}")
if [[ "${1:-}" == tests ]]; then
  wanted+=("${tests[@]}")
fi

missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
done
command -v kubectl >/dev/null || missing+=(kubernetes-client)
if ((${#missing[@]} == 0)); then
  exit 0
fi
if [[ $(id -u) != 0 ]]; then
  echo "install.sh: needs root to install: ${missing[*]}" >&2
  exit 1
fi
echo "Installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# No service of a package may start here: only the files are wanted.
policy=/usr/sbin/policy-rc.d
made_policy=
if [[ ! -e $policy ]]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  made_policy=1
fi
trap '[[ -z $made_policy ]] || rm -f "$policy"' EXIT
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
