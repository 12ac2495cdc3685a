#!/usr/bin/env bash
# Goal: what the walk-through does with pods works word for word with an unmodified kubectl.
# Method: a node of its own, the manifests of examples/walk-through, and every command a person would type.
#   usage: tests/e2e/walk_through_test.sh [1.NN]     a client of build/clients; 77 when this machine has none
clients=${KRING_CLIENTS:-$(dirname "$0")/../../build/clients}
if [[ -n ${1:-} ]]; then
  KUBECTL=$clients/kubectl.$1
  [[ -x $KUBECTL ]] || { echo "this machine has no kubectl $1"; exit 77; }
fi
source "$(dirname "$0")/lib.sh"
manifests=$root/examples/walk-through
start_node
import_images
version=$("$KUBECTL" version --client -o json | sed -n 's/.*"gitVersion": "v1\.\([0-9]*\).*/\1/p' | head -n 1)
echo "kubectl 1.$version"

expect 'created' kc create namespace collective
expect 'modified' kc config set-context --current --namespace=collective
expect 'e2e' kc get nodes
expect 'INTERNAL-IP' kc get nodes -o wide
expect 'kring://' kc get nodes -o wide
expect 'Kubelet Version' kc describe node e2e

# Working with pods.
expect 'pod/kuard created' kc apply -f "$manifests/01-kuard-pod.yaml"
expect 'condition met' kc wait --for=condition=Ready pod/kuard --timeout=30s
expect 'Running' kc get pods
expect '1/1' kc get pods
expect 'NOMINATED NODE' kc get pods -o wide
expect 'nodeName: e2e' kc get pod kuard -o yaml
expect '"phase": "Running"' kc get pod kuard -o json
expect 'kuard' kc get pods -o jsonpath='{.items[0].metadata.name}'
expect 'Successfully assigned collective/kuard to e2e' kc describe pods
expect 'QoS Class' kc describe pods kuard
expect 'Started container kuard' kc describe pods kuard
expect 'Scheduled' kc get events
eventually output_has 'erving' kc logs kuard
expect 'unchanged' kc apply -f "$manifests/01-kuard-pod.yaml"
kc logs -f kuard >"$work/follow" 2>&1 &
follower=$!
expect 'Container image "gcr.io/kuar-demo/kuard-amd64:1" already present' kc describe pod kuard
expect 'deleted' kc delete pods kuard
wait "$follower" || failures=$((failures + 1))
expect 'erving' cat "$work/follow"
expect 'No resources found' kc get pods
refuse 'pods "kuard" not found' kc get pod kuard
refuse 'not found' kc logs kuard

# Health checks, resources, volumes.
expect 'created' kc apply -f "$manifests/02-kuard-pod-health.yaml"
expect 'condition met' kc wait --for=condition=Ready pod/kuard --timeout=30s
expect 'Liveness' kc describe pod kuard
expect 'deleted' kc delete -f "$manifests/02-kuard-pod-health.yaml"
expect 'created' kc apply -f "$manifests/03-kuard-pod-resources.yaml"
expect 'condition met' kc wait --for=condition=Ready pod/kuard --timeout=30s
expect '128Mi' kc get pod kuard -o jsonpath='{.spec.containers[0].resources.requests.memory}'
expect 'Burstable' kc get pod kuard -o jsonpath='{.status.qosClass}'
expect 'deleted' kc delete pod kuard
expect 'created' kc apply -f "$manifests/04-kuard-pod-volume.yaml"
# The volume is a folder of the machine that does not have to exist: kubelet makes it.
expect 'condition met' kc wait --for=condition=Ready pod/kuard --timeout=30s
expect '/data' kc describe pod kuard

# Labels, selectors, annotations.
expect 'labeled' kc label pods kuard canary=true
expect 'canary=true' kc get pods --show-labels
expect 'true' kc get pods -L canary
expect 'kuard' kc get pods --selector='canary=true'
expect 'kuard' kc get pods --selector='canary in (true,false)'
expect 'No resources found' kc get pods --selector='canary!=true'
kc label pods kuard canary- >/dev/null
expect 'No resources found' kc get pods -l canary
expect 'annotate' kc annotate pods kuard example.com/icon-url=https://example.com/icon.png
expect 'icon.png' kc get pod kuard -o jsonpath='{.metadata.annotations}'
refuse 'already has a value' kc annotate pods kuard example.com/icon-url=other
expect 'kuard' kc get pods --field-selector=spec.nodeName=e2e
expect 'kuard' kc get pods --field-selector=status.phase=Running
refuse 'field label not supported' kc get pods --field-selector=spec.nonsense=1

# Edit, patch, diff, explain.
cat >"$work/editor" <<'S'
#!/bin/sh
sed -i 's|kuard-amd64:1|kuard-amd64:2|' "$1"
S
chmod 755 "$work/editor"
export KUBE_EDITOR=$work/editor
expect 'edited' kc edit pod kuard
expect 'kuard-amd64:2' kc get pod kuard -o jsonpath='{.spec.containers[0].image}'
eventually output_has 'kuard-amd64:2' kc get pod kuard -o jsonpath='{.status.containerStatuses[0].image}'
expect 'patched' kc patch pod kuard -p '{"metadata":{"labels":{"tier":"web"}}}'
expect 'patched' kc patch pod kuard --type=merge -p '{"metadata":{"labels":{"tier":"front"}}}'
expect 'patched' kc patch pod kuard --type=json -p '[{"op":"replace","path":"/metadata/labels/tier","value":"back"}]'
expect 'back' kc get pod kuard -o jsonpath='{.metadata.labels.tier}'
refuse 'pod updates may not change fields' kc patch pod kuard -p '{"spec":{"hostname":"x"}}'
differs() { # kubectl diff ends with 1 when there is a difference
  local code=0
  kc diff "$@" || code=$?
  [[ $code == 1 ]]
}
expect 'kuard-amd64:1' differs -f "$manifests/04-kuard-pod-volume.yaml"
expect 'containers' kc explain pod.spec
expect 'KIND' kc explain pods
expect 'image' kc explain pod.spec.containers.image
expect 'deleted' kc delete pod kuard

# A pod whose labels a ReplicaSet would adopt, and the old manifests as objects.
expect 'created' kc apply -f "$manifests/06-kuard-rs-extra-pod.yaml"
expect 'condition met' kc wait --for=condition=Ready pod/kuard --timeout=30s
expect 'kuard' kc get pods -l app=kuard,version=2
expect 'created' kc apply --validate=false -f "$manifests/05-kuard-rs.yaml"
expect 'kuard' kc get rs kuard
expect 'app=kuard' kc describe rs kuard
expect 'created' kc apply --validate=false -f "$manifests/07-fluentd.yaml"
expect 'created' kc apply --validate=false -f "$manifests/08-nginx-fast-storage.yaml"
expect 'fluentd' kc get daemonsets -A

# The server at large.
expect 'v1' kc api-versions
expect 'replicasets' kc api-resources
expect 'Server Version' kc version
expect 'is running at' kc cluster-info
expect 'kube-root-ca.crt' kc get configmaps
expect 'default' kc get serviceaccounts
expect 'yes' kc auth can-i create pods
expect 'kube-system' kc get namespaces
expect 'created' kc create configmap settings --from-literal=a=1
expect 'created' kc create secret generic hidden --from-literal=password=x
expect 'eA==' kc get secret hidden -o jsonpath='{.data.password}'
expect 'created (server dry run)' kc create configmap dry --from-literal=a=1 --dry-run=server
refuse 'not found' kc get configmap dry
expect 'deleted' kc delete configmaps --all
expect 'deleted' kc delete namespace collective
refuse 'not found' kc get namespace collective
