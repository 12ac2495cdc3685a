#!/usr/bin/env bash
# Goal: the quick start of the README works and cleans up after itself. Method: run it on the programs built already,
# and look at what is left.
set -euo pipefail
root=$(readlink -f "$(dirname "$0")/../..")
before=$(ip -br link; findmnt -rn | sort)
output=$(KRING_QUICKSTART_BUILD=$KRING_BUILD "$root/examples/quickstart.sh" 2>&1) || {
  echo "$output"
  exit 1
}
echo "$output"
for wanted in 'kring 0.' 'pod/kuard created' 'condition met' 'Started container kuard' 'canary=true' \
  'pod "kuard" deleted' 'namespace "collective" deleted'; do
  [[ $output == *"$wanted"* ]] || { echo "FAILED: the quick start did not say: $wanted"; exit 1; }
done
after=$(ip -br link; findmnt -rn | sort)
[[ $after == "$before" ]] || { echo "FAILED: links or mounts of the machine changed"; diff <(echo "$before") <(echo "$after"); exit 1; }
[[ ! -e $root/build/quickstart ]] || { echo "FAILED: build/quickstart is left"; exit 1; }
if pgrep -f 'data-dir .*build/quickstart'; then echo "FAILED: a process is left"; exit 1; fi
