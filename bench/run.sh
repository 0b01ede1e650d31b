#!/usr/bin/env bash
# Measures hoist on the web host of this folder (45 tasks), against `ssh HOST true` and, if asked, against its peers.
# All are run in turn, round by round, so that they share whatever else the machine does; medians and ratios are printed.
# Each peer has a host of its own: they would undo each other's work.
#
#   bench/run.sh all               one host: nothing to change, near and at 50 ms
#   bench/run.sh noop [ROUNDS]     one host, nothing to change
#   bench/run.sh lag MS [ROUNDS]   the same on a line with MS milliseconds of round-trip time
#   bench/run.sh fleet N [ROUNDS]  N hosts at once, nothing to change; against N `ssh HOST true` at once
#   bench/run.sh first [ROUNDS]    from a host without any of it (packages are downloaded before), against bare commands
#   bench/run.sh deploy [ROUNDS]   a deploy of a new release to one host, whose build steps are `true`
#   bench/run.sh start [ROUNDS]    how long `hoist --version` takes
#   bench/run.sh memory N          N hosts at once, nothing to change: the most memory that hoist holds
#   bench/run.sh down              takes the hosts away
#
# PEERS="ansible mitogen pyinfra" runs them too; they are installed into PEERS_VENV (default /var/tmp/hoist-peers).
# Needs what tests/testhost/testhost needs. Absolute times say little: quote ratios.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
testhost=$here/../tests/testhost/testhost
hoist=$(cd "$here/.." && realpath -m "${CARGO_TARGET_DIR:-target}")/release/hoist
key=${TESTHOST_DIR:-/var/tmp/hoist-testhost}/id
venv=${PEERS_VENV:-/var/tmp/hoist-peers}
read -ra peers <<<"${PEERS:-}"
environment=$here/hoist/environments/bench
ssh_options=(-i "$key" -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR)
work=$(mktemp -d)
declare -A address port
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$work"' EXIT

say() { echo "bench: $*" >&2; }

# Hosts.

ready() { # NAME: boots the host, gives it the repository that it checks out
  local name=$1
  case $("$testhost" list | awk -v host="$name" '$1 == host { print $4 }') in
    running) ;;
    stopped) "$testhost" start "$name" ;;
    *) "$testhost" up "$name" >&2 && seed "$name" ;;
  esac
}

seed() { "$testhost" exec "$1" sh -s <"$here/seed.sh" >/dev/null 2>&1; } # NAME

home() { # CONTENDER: the name of its host
  case $1 in
    ansible | mitogen) echo bench-ansible ;;
    pyinfra) echo bench-pyinfra ;;
    *) echo bench1 ;;
  esac
}

inventory() { # NAME...: for hoist
  mkdir -p "$environment"
  "$testhost" hosts "$@" >"$environment/hosts"
  "$testhost" known-hosts "$@" >"$environment/known_hosts"
}

# Brings the hosts of all contenders to their state, near or behind a slow line, and checks that nothing is left to do.
settle() { # MS CONTENDER...
  local ms=$1 name
  shift
  inventory bench1
  for name in "$@"; do
    address[$name]=$("$testhost" ip "$(home "$name")") port[$name]=22
    [ "$ms" = 0 ] || far "$name" "$ms"
    printf '[web]\n%s ansible_host=%s ansible_port=%s ansible_user=root ansible_ssh_private_key_file=%s\n' \
      "$name" "${address[$name]}" "${port[$name]}" "$key" >"$work/$name.hosts"
  done
  [ "$ms" = 0 ] || {
    sed "s/^hoist /bench1 /" "$work/hoist.hosts" >"$environment/hosts"
    sed -i "s/^[^ ]*/[127.0.0.1]:${port[hoist]}/" "$environment/known_hosts"
  }
  for name in "$@"; do
    say "$name: bringing its host to its state"
    "run_$name" >"$work/$name.log" 2>&1 </dev/null || { tail -20 "$work/$name.log"; exit 1; }
  done
  for name in "$@"; do
    "run_$name" >"$work/$name.log" 2>&1 </dev/null || { tail -20 "$work/$name.log"; exit 1; }
    unchanged "$name" || { cat "$work/$name.log"; say "$name: a second run changes something"; exit 1; }
  done
}

unchanged() { # CONTENDER
  case $1 in
    hoist) grep -q '0 changes' "$work/hoist.log" ;;
    ansible | mitogen) grep -q 'changed=0' "$work/$1.log" ;;
    *) true ;;
  esac
}

far() { # CONTENDER MS: through a slow line
  local name=$1
  rm -f "$work/$name.port"
  "$here/../tests/testhost/lagproxy.py" 0 "${address[$name]}:22" "$(awk -v ms="$2" 'BEGIN { print ms / 2 }')" >"$work/$name.port" &
  until [ -s "$work/$name.port" ]; do sleep 0.1; done
  address[$name]=127.0.0.1 port[$name]=$(cat "$work/$name.port")
}

# What is measured.

run_ssh() { ssh "${ssh_options[@]}" -p "${port[ssh]}" "root@${address[ssh]}" true; }
run_ssh_all() { "$testhost" list | awk '/^bench[0-9]/ { print $2 }' | xargs -P "$count" -I{} ssh "${ssh_options[@]}" root@{} true; }
run_hoist() { (cd "$here/hoist" && "$hoist" provision env=bench --yes); }
run_ansible() { playbook ansible; }
run_mitogen() {
  local plugins
  plugins=$(echo "$venv"/lib/python3*/site-packages/ansible_mitogen/plugins/strategy)
  ANSIBLE_STRATEGY_PLUGINS=$plugins ANSIBLE_STRATEGY=mitogen_linear playbook mitogen
}
playbook() { (cd "$here/ansible" && "$venv/bin/ansible-playbook" -i "$work/$1.hosts" site.yml); }
run_pyinfra() {
  (cd "$here/pyinfra" && "$venv/bin/pyinfra" -y "${address[pyinfra]}" --ssh-user root --ssh-key "$key" --ssh-port "${port[pyinfra]}" deploy.py)
}
run_deploy() { (cd "$here/deploy" && "$hoist" deploy env=bench --yes --redeploy); }
run_bare() { ssh "${ssh_options[@]}" "root@$("$testhost" ip bench-first)" sh -s <"$here/bare.sh"; }

timed() { # NAME: one wall time in seconds, noted
  local start=$EPOCHREALTIME
  "run_$1" >"$work/$1.log" 2>&1 </dev/null || { tail -20 "$work/$1.log"; say "$1 failed"; exit 1; }
  awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f\n", b - a }' >>"$work/$1.times"
}

rounds() { # ROUNDS NAME...: the first name is what the others are compared to
  local rounds=$1 round name
  shift
  for round in $(seq 0 "$rounds"); do
    for name in "$@"; do timed "$name"; done
    [ "$round" != 0 ] || rm -f "$work"/*.times # the first round only warms up
  done
  report "$@"
}

report() { # NAME...
  local name
  for name in "$@"; do
    sort -n "$work/$name.times" | awk -v name="$name" -v base="$(median "$1")" '
      { time[NR] = $1 }
      END {
        middle = NR % 2 ? time[(NR + 1) / 2] : (time[NR / 2] + time[NR / 2 + 1]) / 2
        printf "  %-10s %8.3f s  (%.3f to %.3f, %d rounds)  %6.2f x\n", name, middle, time[1], time[NR], NR, middle / base
      }'
  done
}

median() { sort -n "$work/$1.times" | awk '{ time[NR] = $1 } END { print NR % 2 ? time[(NR + 1) / 2] : (time[NR / 2] + time[NR / 2 + 1]) / 2 }'; }

prepare() {
  (cd "$here/.." && cargo build --release --quiet --locked)
  if [ ${#peers[@]} -gt 0 ] && ! [ -e "$venv/.ready" ]; then
    say "installing the peers into $venv"
    python3 -m venv "$venv" && "$venv/bin/pip" install --quiet ansible-core mitogen pyinfra && : >"$venv/.ready"
  fi
}

noop() { # MS ROUNDS
  local name
  for name in ssh hoist "${peers[@]}"; do ready "$(home "$name")"; done
  settle "$1" ssh hoist "${peers[@]}"
  echo "one host, 45 tasks, nothing to change, $1 ms away:"
  rounds "$2" ssh hoist "${peers[@]}"
  inventory bench1
}

fleet() { # N ROUNDS
  local all=() number
  for number in $(seq "$1"); do all+=("bench$number"); done
  for name in "${all[@]}"; do ready "$name"; done
  inventory "${all[@]}"
  count=$1
  say "bringing $1 hosts to their state"
  run_hoist >"$work/hoist.log" 2>&1 || { cat "$work/hoist.log"; exit 1; }
  echo "$1 hosts at once, nothing to change (against as many ssh at once):"
  rounds "$2" ssh_all hoist
  unchanged hoist || { cat "$work/hoist.log"; exit 1; }
}

first() { # ROUNDS: each from a copy of a host that has the packages downloaded, so that the mirror does not count
  local round name
  if ! "$testhost" list | grep '^bench-new ' >/dev/null; then
    "$testhost" up bench-new >&2
    seed bench-new
    say "downloading packages"
    "$testhost" exec bench-new sh -c 'apt-get update -qq && apt-get install -y -qq --download-only nginx supervisor certbot git make curl wget xz-utils build-essential' >/dev/null
  fi
  for round in $(seq 0 "$1"); do
    for name in bare hoist; do
      "$testhost" clone bench-new bench-first
      inventory bench-first
      timed "$name"
      "$testhost" down bench-first
    done
    [ "$round" != 0 ] || rm -f "$work"/*.times
  done
  echo "a first run:"
  report bare hoist
}

start() { # ROUNDS
  run_version() { "$hoist" --version; }
  echo "hoist --version:"
  rounds "$1" version
}

memory() { # N: so many names, on 20 hosts, for an sshd turns away who comes with too many others
  local number
  for number in $(seq 20); do ready "bench$number"; done
  inventory $(seq -f bench%g 20)
  say "bringing 20 hosts to their state"
  run_hoist >"$work/hoist.log" 2>&1 || { cat "$work/hoist.log"; exit 1; }
  for number in $(seq "$1"); do
    sed -n "s/^bench$(((number - 1) % 20 + 1)) /name$number /p" "$environment/hosts"
  done >"$work/names"
  { echo '[web]' && cat "$work/names"; } >"$environment/hosts"
  (cd "$here/hoist" && python3 - "$hoist" >"$work/hoist.log" 2>"$work/memory") <<'END' || { cat "$work/hoist.log"; exit 1; }
import resource, subprocess, sys
status = subprocess.run([sys.argv[1], "provision", "env=bench", "--yes", "--forks", "100"], stderr=subprocess.STDOUT).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)
END
  unchanged hoist || { cat "$work/hoist.log"; exit 1; }
  awk -v n="$1" '{ printf "%s hosts at once, nothing to change: %.1f MB at most\n", n, $1 / 1000 }' "$work/memory"
  inventory bench1
}

deploy() { # ROUNDS
  ready bench1
  environment=$here/deploy/environments/bench
  inventory bench1
  address[ssh]=$("$testhost" ip bench1) port[ssh]=22
  (cd "$here/deploy" && "$hoist" provision env=bench --yes) >"$work/deploy.log" 2>&1 </dev/null || { tail -20 "$work/deploy.log"; exit 1; }
  echo "a deploy to one host, nothing to build:"
  rounds "$1" ssh deploy
}

case ${1:-} in
  all)
    prepare
    noop 0 9
    noop 50 5
    deploy 9
    ;;
  noop)
    prepare
    noop 0 "${2:-9}"
    ;;
  lag)
    prepare
    noop "$2" "${3:-5}"
    ;;
  fleet)
    prepare
    fleet "$2" "${3:-5}"
    ;;
  first)
    prepare
    first "${2:-3}"
    ;;
  deploy)
    prepare
    deploy "${2:-9}"
    ;;
  start)
    prepare
    start "${2:-20}"
    ;;
  memory)
    prepare
    memory "$2"
    ;;
  down) for name in $("$testhost" list | awk '/^bench/ { print $1 }'); do "$testhost" down "$name"; done ;;
  *) sed -n '2,/^set -/p' "$0" | sed '$d; s/^# \{0,1\}//' && exit 2 ;;
esac
