#!/usr/bin/env bash
# The pod flow on an emulated machine (run_vm.sh) with the release build.
#   usage: tests/vm/vm_test.sh
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$here/../..")
clients=${KRING_CLIENTS:-$root/build/clients}
"$here/get_kernel.sh" amd64 "$root/build/vm/amd64"
exec "$here/run_vm.sh" amd64 "${KRING_BUILD:-$root/build/release}" "$root/build/vm/amd64" "$clients/kubectl.1.20" /bin/busybox
