#!/usr/bin/env bash
# Pods come and go for a while; every half minute the node's memory, descriptors and processes are written down. Says at
# the end whether they grew: the last third of the samples is compared with the middle third.
#   usage: tests/soak/churn.sh [MINUTES] [SECONDS_BETWEEN_PODS]      (60, 1)
source "$(dirname "$0")/../e2e/lib.sh"
minutes=${1:-60} pause=${2:-1}
start_node
import_images
sock() { curl -sS -A soak --max-time 20 --unix-socket "$data/kring.sock" "$@"; }
pods=http://localhost/api/v1/namespaces/default/pods
create() {
  sock -o /dev/null -H 'Content-Type: application/json' "$pods" -d '{"apiVersion":"v1","kind":"Pod",
    "metadata":{"name":"'"$1"'","labels":{"soak":"true"}},"spec":{"restartPolicy":"Never","terminationGracePeriodSeconds":1,
    "containers":[{"name":"main","image":"busybox","imagePullPolicy":"IfNotPresent",
    "command":["sh","-c","echo started; sleep 5; echo done"]}]}}'
}
pid=$(pgrep -f "kring node --data-dir $data" | head -n 1)
sample() {
  local anon file fds keepers
  anon=$(awk '/^RssAnon/ {print $2}' "/proc/$pid/status")
  file=$(awk '/^VmRSS/ {print $2}' "/proc/$pid/status")
  fds=$(ls "/proc/$pid/fd" | wc -l)
  keepers=$(pgrep -fc '^kring: default/' || :)
  echo "$SECONDS $file $anon $fds $keepers $made"
}
made=0
next=0
echo "seconds rss_kib anon_kib descriptors keepers pods_made" | tee "$work/samples"
while ((SECONDS < minutes * 60)); do
  made=$((made + 1))
  create "soak-$made"
  # The one made ten pods ago ended by itself or is ended now.
  ((made <= 10)) || sock -o /dev/null -X DELETE "$pods/soak-$((made - 10))"
  if ((SECONDS >= next)); then
    sample | tee -a "$work/samples"
    next=$((SECONDS + 30))
  fi
  read -rt "$pause" <> <(:) || :
done
verdict() { # column name allowed_growth
  awk -v c="$1" -v name="$2" -v more="$3" '
    NR > 1 { v[n++] = $c }
    END {
      for (i = int(n / 3); i < int(2 * n / 3); i++) { a += v[i]; p++ }
      for (i = int(2 * n / 3); i < n; i++) { b += v[i]; q++ }
      a /= p; b /= q
      printf "%s: middle third %.0f, last third %.0f: %s\n", name, a, b, b <= a * 1.05 + more ? "flat" : "GROWS"
      exit !(b <= a * 1.05 + more)
    }' "$work/samples"
}
verdict 3 'anonymous memory, KiB' 256 || failures=$((failures + 1))
verdict 4 descriptors 4 || failures=$((failures + 1))
verdict 5 keepers 4 || failures=$((failures + 1))
