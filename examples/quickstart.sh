#!/usr/bin/env bash
# From a fresh clone on Debian 12 to a running pod: installs what is missing, builds, starts a node, and walks through
# kuard with kubectl. The node runs in private network and mount namespaces, so trying it changes nothing on the
# machine; it is stopped and removed at the end.
#   sudo examples/quickstart.sh           try it, then clean up
#   sudo examples/quickstart.sh --keep    leave the node running and say how to talk to it
#   sudo examples/quickstart.sh --host    run it on the real machine (implies --keep)
#   sudo examples/quickstart.sh --stop    stop and remove what --keep or --host left
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
root=$PWD
state=$root/build/quickstart
data=$state/data
# KRING_QUICKSTART_BUILD: a folder with programs built already (the test of this script); nothing is built then.
build=${KRING_QUICKSTART_BUILD:-$root/build/release}
kring=$build/kring

keep= host= stop=
for argument in "$@"; do
  case $argument in
    --keep) keep=1 ;;
    --host) host=1 keep=1 ;;
    --stop) stop=1 ;;
    *)
      echo "quickstart.sh: unknown argument: $argument (--keep, --host, --stop)" >&2
      exit 2
      ;;
  esac
done
if [[ $(id -u) != 0 ]]; then
  echo "quickstart.sh: needs root: it installs packages and makes namespaces and cgroups" >&2
  exit 1
fi

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() {
  printf '\n$ %s\n' "$*"
  "$@"
}

# Every command of the node and its clients goes through here: into the private namespaces, or not.
world=()
enter_world() {
  [[ -s $state/world.pid ]] && world=(nsenter --target "$(<"$state/world.pid")" --net --mount --)
  return 0
}

stop_node() {
  enter_world
  [[ -s $state/node.pid ]] && kill "$(<"$state/node.pid")" 2>/dev/null && tail --pid="$(<"$state/node.pid")" -f /dev/null
  [[ ! -d $data ]] || "${world[@]}" "$kring" reset --data-dir "$data" --cgroup-prefix kring-quickstart --yes || :
  [[ -s $state/world.pid ]] && kill "$(<"$state/world.pid")" 2>/dev/null
  rm -rf "$state"
}

if [[ -n $stop ]]; then
  stop_node
  exit 0
fi

if [[ -z ${KRING_QUICKSTART_BUILD:-} ]]; then
  examples/install.sh
  say "Building kring (a few minutes the first time)"
  cmake --preset release >/dev/null
  cmake --build --preset release --target kring images
fi

[[ ! -d $state ]] || stop_node
mkdir -p "$data"
chmod 700 "$state" "$data"
[[ -n $keep ]] || trap stop_node EXIT

say "Starting a node"
if [[ -z $host ]]; then
  setsid unshare --net --mount --propagation private sleep infinity &
  echo $! >"$state/world.pid"
  for _ in $(seq 100); do
    [[ $(readlink "/proc/$!/ns/net") != "$(readlink /proc/self/ns/net)" ]] && break
    read -rt 0.02 <> <(:) || :
  done
  enter_world
  "${world[@]}" ip link set lo up
  # An address that is not loopback, as every real node has; it leads nowhere.
  "${world[@]}" ip link add uplink type veth peer name outside
  "${world[@]}" ip address add 10.199.0.2/24 dev uplink
  "${world[@]}" ip link set uplink up
  "${world[@]}" ip link set outside up
fi
setsid "${world[@]}" "$kring" node --data-dir "$data" --cgroup-prefix kring-quickstart \
  >"$state/ready" 2>"$state/node.log" &
echo $! >"$state/node.pid"
for _ in $(seq 1000); do
  [[ -s $state/ready ]] && break
  kill -0 "$(<"$state/node.pid")" 2>/dev/null || break
  read -rt 0.02 <> <(:) || :
done
if [[ ! -s $state/ready ]]; then
  tail -n 20 "$state/node.log" >&2
  exit 1
fi
cat "$state/ready"

for image in "$build"/images/*.tar; do
  "${world[@]}" "$kring" image import "$image" --data-dir "$data"
done

# Entering a mount namespace changes the working directory: go back to the caller's.
cat >"$state/kubectl" <<EOS
#!/bin/sh
exec ${world[*]} env HOME="$state" KUBECONFIG="$data/admin.kubeconfig" \\
  sh -c 'cd "\$1" && shift && exec "\$@"' sh "\$PWD" "$(command -v kubectl)" "\$@"
EOS
chmod 700 "$state/kubectl"
kubectl() { "$state/kubectl" "$@"; }

say "The walk-through"
show kubectl get nodes -o wide
show kubectl create namespace collective
show kubectl config set-context --current --namespace=collective
show kubectl apply -f examples/walk-through/01-kuard-pod.yaml
show kubectl wait --for=condition=Ready pod/kuard --timeout=30s
show kubectl get pods
show kubectl describe pods
show kubectl logs kuard
show kubectl delete pods kuard
show kubectl apply -f examples/walk-through/03-kuard-pod-resources.yaml
show kubectl wait --for=condition=Ready pod/kuard --timeout=30s
show kubectl delete pods kuard
show kubectl apply -f examples/walk-through/04-kuard-pod-volume.yaml
show kubectl wait --for=condition=Ready pod/kuard --timeout=30s
show kubectl label pods kuard canary=true
show kubectl annotate pods kuard example.com/icon-url=https://example.com/icon.png
show kubectl get pods --show-labels
show kubectl delete pods kuard
show kubectl apply -f examples/walk-through/06-kuard-rs-extra-pod.yaml
show kubectl get pods --selector='version in (1,2)'
show kubectl delete namespace collective

if [[ -n $keep ]]; then
  say "The node is running. Talk to it with:"
  echo "  sudo $state/kubectl get pods -A"
  echo "Stop and remove it with:"
  echo "  sudo examples/quickstart.sh --stop"
else
  say "All done; stopping and removing the node (it was started in namespaces of its own)"
fi
