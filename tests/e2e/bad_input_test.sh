#!/usr/bin/env bash
# Goal: bad input gets the right error a person can act on, and changes nothing (checklist rows A3, A4, A6).
# Method: raw requests with curl on the node's socket and over TLS, with every kind of identity; then the CLI.
source "$(dirname "$0")/lib.sh"
start_node
sock() { curl -sS -A test --max-time 20 --unix-socket "$data/kring.sock" "$@"; }
pods=http://localhost/api/v1/namespaces/default/pods
maps=http://localhost/api/v1/namespaces/default/configmaps
revision() { kc get --raw /api/v1/namespaces/default/configmaps | jq -r '.items | length'; }
before=$(revision)

# Bodies.
expect '"reason":"BadRequest"' sock -d '{"kind":' -H 'Content-Type: application/json' "$maps"
expect 'UnsupportedMediaType' sock -d 'x' -H 'Content-Type: text/csv' "$maps"
expect 'cannot unmarshal' sock -d '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"containers":"many"}}' -H 'Content-Type: application/json' "$pods"
expect 'no kind' sock -d '{"apiVersion":"v1","kind":"Nonsense","metadata":{"name":"x"}}' -H 'Content-Type: application/json' "$maps"
head -c 4194304 /dev/zero | tr '\0' 'x' >"$work/large"
expect 'RequestEntityTooLarge' sock --data-binary @"$work/large" -H 'Content-Type: application/json' "$maps"
head -c 300000 /dev/zero | tr '\0' '[' >"$work/deep"
expect 'BadRequest' sock --data-binary @"$work/deep" -H 'Content-Type: application/json' "$maps"
{
  echo 'apiVersion: v1'
  echo 'kind: ConfigMap'
  echo 'metadata: {name: bomb}'
  echo 'a: &a [x,x,x,x,x,x,x,x,x]'
  previous=a
  for name in b c d e f g h i; do
    echo "$name: &$name [*$previous,*$previous,*$previous,*$previous,*$previous,*$previous,*$previous,*$previous,*$previous]"
    previous=$name
  done
} >"$work/bomb.yaml"
expect '"status":"Failure"' sock --data-binary @"$work/bomb.yaml" -H 'Content-Type: application/yaml' "$maps"
expect 'FieldValueInvalid' sock -d '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"Not_A_Name"}}' -H 'Content-Type: application/json' "$maps"
expect 'unknown field \"spec.nonsense\"' sock -d '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"nonsense":1,"containers":[{"name":"a","image":"b"}]}}' -H 'Content-Type: application/json' "$pods?fieldValidation=Strict"
expect 'duplicate field' sock -d '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":{"a":"1"},"data":{"a":"2"}}' -H 'Content-Type: application/json' "$maps?fieldValidation=Strict"
expect 'Required value' sock -d '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[{"name":"a"}]}}' -H 'Content-Type: application/json' "$pods"
expect '404' sock -o /dev/null -w '%{http_code}' http://localhost/api/v1/nonsense
expect '405' sock -o /dev/null -w '%{http_code}' -X PUT "$pods"
expect '406' sock -o /dev/null -w '%{http_code}' -H 'Accept: image/png' "$pods"
expect 'BadRequest' sock "$pods?labelSelector=a%20in%20("
expect 'Invalid' sock -d '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[]}}' -H 'Content-Type: application/json' "$pods"

# Half a request, and a client that never ends: neither holds up the others.
exec {half}<>/dev/null
in_world bash -c 'exec 3<>/dev/tcp/127.0.0.1/6443; printf "GET /" >&3; read -rt 2 <> <(:) || :' &
expect 'ok' kc get --raw /readyz

[[ $(revision) == "$before" ]] || { echo "FAILED: something was stored" >&2; failures=$((failures + 1)); }

# A6: who may do what, over TLS.
url=https://127.0.0.1:6443
tls() { in_world curl -sS -A test --max-time 20 --cacert "$data/pki/ca.crt" "$@"; }
code() { tls -o /dev/null -w '%{http_code}' "$@" || echo refused; }
for path in /healthz /livez /readyz /version; do expect 200 code "$url$path"; done
for path in /api /apis /metrics /openapi/v2 /openapi/v3 /api/v1/pods /api/v1/secrets /api/v1/nodes / /logs /stats \
  /debug/pprof/ /api/v1/namespaces/default/pods/x/log /apis/apps/v1/deployments; do
  expect 403 code "$url$path"
done
expect 401 code -H 'Authorization: Bearer nonsense' "$url/api/v1/pods"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/other.key" -out "$work/other.crt" \
  -subj '/O=system:masters/CN=intruder' -days 1 2>/dev/null
expect refused code --cert "$work/other.crt" --key "$work/other.key" "$url/api/v1/pods"
kc create serviceaccount robot >/dev/null
token=$(kc create token robot)
expect 403 code -H "Authorization: Bearer $token" "$url/api/v1/secrets"
expect 200 code -H "Authorization: Bearer $token" "$url/api"
expect 'system:serviceaccount:default:robot' tls -H "Authorization: Bearer $token" "$url/api/v1/secrets"
kc create clusterrolebinding robot --clusterrole=view --serviceaccount=default:robot >/dev/null
expect 200 code -H "Authorization: Bearer $token" "$url/api/v1/pods"
expect 403 code -H "Authorization: Bearer $token" "$url/api/v1/secrets"
expect 403 code -X DELETE -H "Authorization: Bearer $token" "$url/api/v1/namespaces/default/pods/x"
kc delete serviceaccount robot >/dev/null
expect 401 code -H "Authorization: Bearer $token" "$url/api/v1/pods"
expect 600 stat -c %a "$data/kring.sock" "$data/admin.kubeconfig"
[[ $(find "$data/pki" -name '*.key' ! -perm 600) == "" ]] || { echo "FAILED: a key is readable by others" >&2; failures=$((failures + 1)); }

# The command line.
refuse 'another process' "$kring" node --data-dir "$data" --listen 127.0.0.1:0
refuse '--listen takes' "$kring" node --data-dir "$work/other" --listen nonsense
refuse 'overlap' "$kring" node --data-dir "$work/other" --pod-cidr 10.43.0.0/16
refuse '--node-name' "$kring" node --data-dir "$work/other" --node-name Not_A_Name
echo 'listen: 1' >"$work/config.yaml"
refuse 'takes a text' "$kring" node --config "$work/config.yaml"
echo 'nonsense: x' >"$work/config.yaml"
refuse 'unknown setting' "$kring" node --config "$work/config.yaml"
refuse 'No such file' "$kring" node --config /does/not/exist
refuse '' "$kring" nonsense
expect 'kring' "$kring" version
expect 'Usage' "$kring" --help
[[ ! -e $work/other ]] || { echo "FAILED: a refused call made files" >&2; failures=$((failures + 1)); }
stop_node TERM

# A data directory of another program is refused and not touched.
cp -a "$data/store" "$work/newer"
for file in "$work"/newer/*; do
  for offset in 0 4096; do
    [[ -f $file ]] && printf 'SQLite f' | dd of="$file" bs=1 seek=$offset conv=notrunc 2>/dev/null
  done
done
sum=$(cat "$work"/newer/* | sha256sum)
mkdir -p "$work/refused"
cp -a "$work/newer" "$work/refused/store"
refuse 'is not a file of kring; nothing was changed' in_world timeout 20 "$kring" node --data-dir "$work/refused" --listen 127.0.0.1:0
[[ $(cat "$work"/refused/store/* | sha256sum) == "$sum" ]] || { echo "FAILED: a foreign format was changed" >&2; failures=$((failures + 1)); }
refuse '' "$kring" fsck "$work/does-not-exist"
