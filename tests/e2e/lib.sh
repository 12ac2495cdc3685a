# What every end-to-end script shares: a node of its own inside private network and mount namespaces, real kubectl, and
# expectations that say what they wanted. Source it; it cleans up on exit.
#   KRING_BUILD  build folder with kring, images/ (default: build/release below the root)
#   KUBECTL      which client (default: the newest in build/clients)
set -euo pipefail

root=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")/../..")
KRING_BUILD=${KRING_BUILD:-$root/build/release}
kring=$KRING_BUILD/kring
clients=${KRING_CLIENTS:-$root/build/clients}
work=$(mktemp -d /tmp/kring-e2e.XXXXXX)
data=$work/data
prefix=kring-e2e-$$
node_pid=
holder_pid=
failures=0

export HOME=$work/home
mkdir -p "$HOME"

newest_client() { find "$clients/" -maxdepth 1 -name "kubectl.1.*" | sort -V | tail -n 1; }
KUBECTL=${KUBECTL:-$(newest_client)}

# One pair of namespaces for the life of the script: the node may die and come back, its pods' world stays.
make_world() {
  unshare --net --mount --propagation private sleep infinity &
  holder_pid=$!
  local tries
  for tries in $(seq 100); do
    [[ $(readlink "/proc/$holder_pid/ns/net") != "$(readlink /proc/self/ns/net)" ]] && break
    read -rt 0.02 <> <(:) || :
  done
  in_world ip link set lo up
  # An address that is not loopback, as every real node has; it leads nowhere.
  in_world ip link add uplink type veth peer name outside
  in_world ip address add 10.199.0.2/24 dev uplink
  in_world ip link set uplink up
  in_world ip link set outside up
}

in_world() { nsenter --target "$holder_pid" --net --mount -- "$@"; }

start_node() {
  [[ -n $holder_pid ]] || make_world
  local log=$work/node.log
  : >"$work/ready"
  nsenter --target "$holder_pid" --net --mount -- \
    "$kring" node --data-dir "$data" --listen 127.0.0.1:6443 --node-name e2e --cgroup-prefix "$prefix" "$@" \
    >"$work/ready" 2>>"$log" &
  node_pid=$!
  local tries
  for tries in $(seq 1500); do
    [[ -s $work/ready ]] && return 0
    kill -0 "$node_pid" 2>/dev/null || break
    read -rt 0.02 <> <(:) || :
  done
  echo "the node did not become ready:" >&2
  tail -n 20 "$log" >&2
  exit 1
}

stop_node() { # TERM by default; KILL for a crash
  kill -s "${1:-TERM}" "$node_pid" 2>/dev/null || :
  wait "$node_pid" 2>/dev/null || :
  node_pid=
}

kc() { in_world env HOME="$HOME" "$KUBECTL" --kubeconfig "$data/admin.kubeconfig" "$@"; }

import_images() {
  local image
  for image in "$KRING_BUILD"/images/*.tar; do
    "$kring" image import "$image" --data-dir "$data" >/dev/null
  done
}

# Retries a command for up to ~20 s until it succeeds.
eventually() {
  local tries
  for tries in $(seq 200); do
    if "$@" >"$work/last" 2>&1; then return 0; fi
    read -rt 0.1 <> <(:) || :
  done
  echo "FAILED: never came true: $*" >&2
  cat "$work/last" >&2
  failures=$((failures + 1))
  return 1
}

# expect TEXT COMMAND...: the command succeeds and its output contains TEXT.
expect() {
  local want=$1 output
  shift
  if ! output=$("$@" 2>&1) || [[ $output != *"$want"* ]]; then
    printf 'FAILED: %s\n  wanted: %s\n  got: %s\n' "$*" "$want" "$output" >&2
    failures=$((failures + 1))
    return 0
  fi
  echo "ok: $*"
}

# refuse TEXT COMMAND...: the command fails and says TEXT.
refuse() {
  local want=$1 output
  shift
  if output=$("$@" 2>&1) || [[ $output != *"$want"* ]]; then
    printf 'FAILED (should refuse): %s\n  wanted: %s\n  got: %s\n' "$*" "$want" "$output" >&2
    failures=$((failures + 1))
    return 0
  fi
  echo "ok: refused: $*"
}

output_has() { # output_has TEXT COMMAND...: for eventually
  local want=$1 output
  shift
  output=$("$@" 2>&1) || { echo "$output"; return 1; }
  echo "$output"
  [[ $output == *"$want"* ]]
}

cleanup() {
  local code=$?
  [[ -z $node_pid ]] || stop_node KILL
  if [[ -n $holder_pid ]]; then
    in_world "$kring" reset --data-dir "$data" --cgroup-prefix "$prefix" --yes >/dev/null 2>&1 || :
    kill -9 "$holder_pid" 2>/dev/null || :
    wait "$holder_pid" 2>/dev/null || :
  fi
  if ((code != 0 || failures != 0)); then
    echo "--- last lines of the node's log" >&2
    tail -n 30 "$work/node.log" >&2 2>/dev/null || :
  fi
  rm -rf "$work" 2>/dev/null || :
  if ((failures != 0)); then
    echo "$failures expectation(s) failed" >&2
    exit 1
  fi
  exit "$code"
}
trap cleanup EXIT
