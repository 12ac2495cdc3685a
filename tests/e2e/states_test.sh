#!/usr/bin/env bash
# Goal: a pod says why it is not well, in Kubernetes' words, and other pods go on. Method: one pod a failure, side by
# side, on one node.
source "$(dirname "$0")/lib.sh"
start_node
import_images
mkdir -p "$work/host"
echo from-the-host >"$work/host/file"

apply() { kc apply -f - >/dev/null; }
pod() { # pod NAME: reads the container's fields from standard input (indented by six), the pod's from $2
  local name=$1 more=${2:-}
  {
    printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec:\n  terminationGracePeriodSeconds: 1\n' "$name"
    [[ -z $more ]] || printf '%s\n' "$more"
    printf '  containers:\n    - name: main\n      image: busybox\n      imagePullPolicy: IfNotPresent\n'
    cat
  } | apply
}
state() { kc get pod "$1" -o "jsonpath={.status.containerStatuses[0].$2}"; }

pod steady <<<'      command: [sleep, "3600"]'
pod never-pull <<'Y'
      command: [sleep, "1"]
Y
kc run no-image --image=example.invalid/nothing:1 --image-pull-policy=Never --restart=Never >/dev/null
apply <<'Y'
apiVersion: v1
kind: Pod
metadata: {name: bad-name}
spec: {containers: [{name: main, image: UPPER//x}]}
Y
kc run unreachable --image=127.0.0.1:9/nothing:1 --restart=Never >/dev/null
pod no-command <<<'      command: [/does/not/exist]'
pod not-in-path <<<'      command: [nonsense]'
pod crash <<<'      command: [sh, -c, "echo about to fail; exit 3"]'
pod failed '  restartPolicy: Never' <<<'      command: [sh, -c, "echo -n last words > /dev/termination-log; exit 7"]'
pod from-log '  restartPolicy: Never' <<'Y'
      command: [sh, -c, "echo the reason; exit 1"]
      terminationMessagePolicy: FallbackToLogsOnError
Y
pod done '  restartPolicy: Never' <<<'      command: ["true"]'
pod retried '  restartPolicy: OnFailure' <<'Y'
      command: [sh, -c, "test -e /shared/once || { touch /shared/once; exit 1; }"]
      volumeMounts: [{name: shared, mountPath: /shared}]
  volumes: [{name: shared, emptyDir: {}}]
Y
pod oom '  restartPolicy: Never' <<'Y'
      command: [sh, -c, "tail /dev/zero"]
      resources: {limits: {memory: 24Mi}}
Y
pod no-mount <<'Y'
      command: [sleep, "3600"]
      volumeMounts: [{name: host, mountPath: /host}]
  volumes: [{name: host, hostPath: {path: /does/not/exist, type: Directory}}]
Y
pod host-volume '  restartPolicy: Never' <<Y
      command: [sh, -c, "cat /host/file; touch /host/made"]
      volumeMounts: [{name: host, mountPath: /host}]
  volumes: [{name: host, hostPath: {path: $work/host, type: Directory}}]
Y
pod too-large <<'Y'
      command: [sleep, "3600"]
      resources: {requests: {cpu: "1000"}}
Y
pod elsewhere '  nodeSelector: {disk: ssd}' <<<'      command: [sleep, "3600"]'
pod environment '  restartPolicy: Never' <<'Y'
      command: [sh, -c, "echo $(GREETING) $NODE $POD; pwd; id -u; hostname"]
      workingDir: /tmp
      securityContext: {runAsUser: 1000}
      env:
        - {name: GREETING, value: hello}
        - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
        - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
Y

eventually output_has ErrImageNeverPull state no-image state.waiting.reason
eventually output_has InvalidImageName state bad-name state.waiting.reason
eventually output_has Pull state unreachable state.waiting.reason
eventually output_has StartError kc get pod no-command -o json
expect 'no such file or directory' kc get pod no-command -o json
eventually output_has 'executable file not found in $PATH' kc get pod not-in-path -o json
eventually output_has CrashLoopBackOff state crash state.waiting.reason
expect '3' state crash lastState.terminated.exitCode
expect 'back-off' state crash state.waiting.message
expect 'about to fail' kc logs crash --previous
expect 'Back-off restarting failed container' kc describe pod crash
eventually output_has 7 state failed state.terminated.exitCode
expect 'Error' state failed state.terminated.reason
expect 'last words' state failed state.terminated.message
expect 'Failed' kc get pod failed -o jsonpath='{.status.phase}'
eventually output_has 'the reason' state from-log state.terminated.message
eventually output_has Completed state 'done' state.terminated.reason
expect 'Succeeded' kc get pod 'done' -o jsonpath='{.status.phase}'
eventually output_has Succeeded kc get pod retried -o jsonpath='{.status.phase}'
expect '1' state retried restartCount
eventually output_has OOMKilled state oom state.terminated.reason
expect '137' state oom state.terminated.exitCode
eventually output_has 'hostPath type check failed: /does/not/exist is not a directory' kc describe pod no-mount
expect 'ContainerCreating' state no-mount state.waiting.reason
eventually output_has from-the-host kc logs host-volume
[[ -e $work/host/made ]] || { echo "FAILED: the container could not write to the host's folder" >&2; failures=$((failures + 1)); }
eventually output_has 'Insufficient cpu' kc describe pod too-large
eventually output_has "didn't match Pod's node affinity/selector" kc describe pod elsewhere
expect 'Pending' kc get pod elsewhere
expect 'labeled' kc label node e2e disk=ssd
eventually output_has Running kc get pod elsewhere
eventually output_has 'hello e2e environment' kc logs environment
expect '/tmp' kc logs environment
expect '1000' kc logs environment
expect 'BestEffort' kc get pod steady -o jsonpath='{.status.qosClass}'

# Cordon, drain by eviction, uncordon.
expect 'cordoned' kc cordon e2e
pod later <<<'      command: [sleep, "3600"]'
eventually output_has 'unschedulable' kc describe pod later
expect 'uncordoned' kc uncordon e2e
eventually output_has Running kc get pod later
expect '1/1' kc get pod steady
expect '0' state steady restartCount

# Grace: a program that ignores SIGTERM is killed after it, one that listens goes at once.
pod stubborn <<<"      command: [sh, -c, \"trap '' TERM; while :; do sleep 1; done\"]"
eventually output_has Running kc get pod stubborn
expect 'deleted' kc delete pod stubborn --timeout=20s
expect 'deleted' kc delete pod steady later --grace-period=0 --force
