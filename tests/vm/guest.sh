#!/bin/busybox sh
# Runs as PID 1 of the emulated machine. Prints "vm: ok: ..." or "vm: FAILED: ..." a line and powers off.
busybox=/bin/busybox
$busybox --install -s /bin
export PATH=/bin HOME=/tmp KUBECONFIG=/var/lib/kring/admin.kubeconfig
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts && mount -t devpts devpts /dev/pts
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for module in /modules/*.ko; do insmod "$module"; done
ip link set lo up
ip link add uplink type veth peer name outside
ip address add 10.199.0.2/24 dev uplink
ip link set uplink up
ip link set outside up
hostname vm

failed=0
ok() { echo "vm: ok: $*"; }
fail() {
  echo "vm: FAILED: $*"
  failed=$((failed + 1))
}
check() { # check NAME COMMAND...
  name=$1
  shift
  if "$@" >/tmp/out 2>&1; then ok "$name"; else
    fail "$name: $*"
    head -n 20 /tmp/out
  fi
}
is() { # is NAME WANTED GOT
  if [ "$2" = "$3" ]; then ok "$1"; else fail "$1: wanted '$2', got '$3'"; fi
}
eventually() { # eventually NAME WANTED COMMAND...
  name=$1 wanted=$2
  shift 2
  i=0
  while [ $i -lt 60 ]; do
    got=$("$@" 2>&1)
    [ "$got" = "$wanted" ] && ok "$name" && return
    i=$((i + 1))
    sleep 1
  done
  fail "$name: wanted '$wanted', got '$got'"
}
start() {
  kring node --listen 127.0.0.1:6443 >/tmp/ready 2>/tmp/node.log &
  node=$!
  i=0
  while [ ! -s /tmp/ready ] && [ $i -lt 300 ]; do
    i=$((i + 1))
    usleep 100000
  done
  [ -s /tmp/ready ] || { fail "node ready"; tail /tmp/node.log; }
}
path() { kubectl get pod "$1" -o "jsonpath=$2"; }

start
ok "booted $(uname -m) $(uname -r)"
for image in /images/*.tar; do check "import $image" kring image import "$image"; done

check "kuard applies" kubectl apply -f /manifests/01-kuard-pod.yaml
check "kuard becomes ready" kubectl wait --for=condition=Ready pod/kuard --timeout=60s
check "kuard's log is read" kubectl logs kuard

check "limits applies" kubectl apply -f /manifests/limits.yaml
check "limits becomes ready" kubectl wait --for=condition=Ready pod/limits --timeout=60s
uid=$(path limits '{.metadata.uid}')
cgroup=$(find /sys/fs/cgroup -type d -name "*$uid*" | head -n 1)
leaf=$(find "$cgroup" -mindepth 1 -type d | head -n 1)
is "memory.max is the limit" 33554432 "$(cat "$leaf/memory.max")"
is "cpu.max is the limit" "50000 100000" "$(cat "$leaf/cpu.max")"
check "pressure is there (PSI)" test -e "$leaf/memory.pressure"
check "a process is in the leaf" grep -q . "$leaf/cgroup.procs"

check "oom applies" kubectl apply -f /manifests/oom.yaml
eventually "oom is OOMKilled" OOMKilled path oom '{.status.containerStatuses[0].state.terminated.reason}'
is "oom exits with 137" 137 "$(path oom '{.status.containerStatuses[0].state.terminated.exitCode}')"

before=$(cat "$leaf/cgroup.procs")
kill -9 $node
wait $node 2>/dev/null
start
is "kill -9 keeps the processes" "$before" "$(cat "$leaf/cgroup.procs")"
eventually "the pod is still running" Running path limits '{.status.phase}'
is "no restart is counted" 0 "$(path limits '{.status.containerStatuses[0].restartCount}')"

check "delete" kubectl delete pod limits kuard oom --grace-period=1
is "the cgroup is gone" "" "$(find /sys/fs/cgroup -type d -name "*$uid*")"
kill $node
wait $node
is "a clean stop" 0 $?
check "fsck" kring fsck /var/lib/kring
echo "vm: done, $failed failed"
sync
poweroff -f
