#!/usr/bin/env bash
# Goal: kill -9 at any moment loses nothing that was acknowledged, restarts no container and leaves no gap in a log.
# Method: clients create objects all the time while the node is killed and started again and again; after each round
# everything acknowledged must be there, the pods' processes the same, their logs without a gap.
source "$(dirname "$0")/lib.sh"
rounds=${KRING_CRASH_ROUNDS:-8}
start_node
import_images

kc apply -f - >/dev/null <<'Y'
apiVersion: v1
kind: Pod
metadata: {name: counter}
spec:
  containers:
    - name: main
      image: busybox
      imagePullPolicy: IfNotPresent
      command: [sh, -c, "i=0; while :; do echo line $i; i=$((i+1)); usleep 20000; done"]
Y
expect 'condition met' kc wait --for=condition=Ready pod/counter --timeout=30s
process() { kc get pod counter -o jsonpath='{.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].state.running.startedAt}'; }
before=$(process)
last_revision=0

writer() { # writes until told to stop; every name it prints was acknowledged
  local n=0
  while [[ -e $work/writing ]]; do
    n=$((n + 1))
    if kc create configmap "w$1-$n" --from-literal=n="$n" >/dev/null 2>&1; then echo "w$1-$n" >>"$work/acknowledged.$1"; fi
  done
}

for round in $(seq "$rounds"); do
  touch "$work/writing" "$work/acknowledged.$round"
  writer "$round" &
  writing=$!
  kc run "short-$round" --image=busybox --image-pull-policy=IfNotPresent --restart=Never -- sh -c 'sleep 1; exit 5' >/dev/null
  # Somewhere between at once and a second.
  read -rt "0.$((RANDOM % 90 + 10))" <> <(:) || :
  stop_node KILL
  rm -f "$work/writing"
  wait "$writing" || :
  start_node
  missing=$(comm -23 <(sort "$work/acknowledged.$round") <(kc get configmaps -o name | sed 's|configmap/||' | sort))
  [[ -z $missing ]] || { echo "FAILED: lost after round $round: $missing" >&2; failures=$((failures + 1)); }
  revision=$(kc get pods -o jsonpath='{.metadata.resourceVersion}')
  ((revision >= last_revision)) || { echo "FAILED: revision went back from $last_revision to $revision" >&2; failures=$((failures + 1)); }
  last_revision=$revision
  eventually output_has Running kc get pod counter -o jsonpath='{.status.phase}'
  after=$(process)
  [[ $after == "$before" ]] || { echo "FAILED: round $round: the container was '$before', is '$after'" >&2; failures=$((failures + 1)); }
  # It ended while nobody looked, or right after: its exit code is known all the same.
  eventually output_has 5 kc get pod "short-$round" -o jsonpath='{.status.containerStatuses[0].state.terminated.exitCode}'
  echo "round $round: $(wc -l <"$work/acknowledged.$round") writes kept"
done

kc logs counter >"$work/log"
lines=$(wc -l <"$work/log")
gap=$(awk '{ if ($2 != NR - 1) { print NR; exit } }' "$work/log")
[[ -z $gap ]] || { echo "FAILED: the log has a gap at line $gap" >&2; failures=$((failures + 1)); }
((lines > 50)) || { echo "FAILED: the log has only $lines lines" >&2; failures=$((failures + 1)); }
stop_node TERM
expect 'clean' "$kring" fsck "$data"

# The node stopped cleanly: the pod runs on, and the next node adopts it.
start_node
eventually output_has Running kc get pod counter -o jsonpath='{.status.phase}'
[[ $(process) == "$before" ]] || { echo "FAILED: a clean stop restarted the container" >&2; failures=$((failures + 1)); }
