#!/usr/bin/env bash
# Installs what is missing, builds both presets and runs every test.
#   sudo tests/run.sh            unit and simulation tests under sanitizers, then everything on the release build
#   sudo tests/run.sh --quick    only the unit tests of the sanitized build
# Ends with CTest's summary; the exit code is CTest's.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

quick=
for argument in "$@"; do
  case $argument in
    --quick) quick=1 ;;
    *)
      echo "run.sh: unknown argument: $argument (--quick)" >&2
      exit 2
      ;;
  esac
done
if [[ $(id -u) != 0 ]]; then
  echo "run.sh: needs root: it installs packages and makes namespaces and cgroups of its own" >&2
  exit 1
fi

step() { printf '\n== %s (%(%H:%M:%S)T)\n' "$1" -1; }

step "install"
examples/install.sh tests
# The shared settings of the compiler cache: the two presets differ only in flags.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1

step "build dev (AddressSanitizer, UndefinedBehaviorSanitizer)"
cmake --preset dev >/dev/null
cmake --build --preset dev
step "test dev"
ctest --preset dev -LE 'release-only' --parallel "$(nproc)" --quiet || ctest --preset dev -LE 'release-only' --rerun-failed
[[ -z $quick ]] || exit 0

step "build release (fully static)"
cmake --preset release >/dev/null
cmake --build --preset release
tests/e2e/get_clients.sh build/clients
step "test release"
ctest --preset release -LE 'dev-only'
