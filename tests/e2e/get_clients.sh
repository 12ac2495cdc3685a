#!/usr/bin/env bash
# Collects the kubectl versions that the end-to-end tests use into a folder: kubectl.1.20 (Debian's package, unpacked,
# not installed) and every kubectl.1.NN that lies beside the machine's kubectl.
#   usage: tests/e2e/get_clients.sh DIR
set -euo pipefail
to=$1
mkdir -p "$to"
if [[ ! -x $to/kubectl.1.20 ]]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  chmod 755 "$work"
  (cd "$work" && apt-get download -qq kubernetes-client >/dev/null 2>&1 && dpkg -x kubernetes-client_*.deb files) || {
    echo "get_clients.sh: cannot download Debian's kubernetes-client (apt-get update may help)" >&2
    exit 1
  }
  cp "$work/files/usr/bin/kubectl" "$to/kubectl.1.20"
fi
beside=$(dirname "$(readlink -f "$(command -v kubectl)")")
for client in "$beside"/kubectl.1.*; do
  [[ -x $client ]] && ln -sfn "$client" "$to/$(basename "$client")"
done
ls "$to"
