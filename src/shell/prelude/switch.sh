# The dead man's switch (engine/switch.rs): a watchdog that puts back what a run changed of the ways to the host, unless the run
# says through a new connection that they still work. In $hoist_state/switch: `undo` (a script; whoever renames it has the
# say), `run`, `pid`, and when it came to that, `said` and `result`. Not part of the prelude: sent where it is needed.

# hoist_armed: whether a watchdog is at it.
hoist_armed() {
  [ -e "$hoist_state/switch/undo" ] && read -r hoist_pid <"$hoist_state/switch/pid" && kill -0 "$hoist_pid"
} 2>/dev/null

# hoist_in_time RUN: fails when the watchdog of this run puts the old state back, or has done so.
hoist_in_time() {
  if [ "$(cat "$hoist_state/switch/run" 2>/dev/null)" != "$1" ]; then return 0; fi
  if [ ! -e "$hoist_state/switch/undoing" ] && [ ! -e "$hoist_state/switch/result" ]; then return 0; fi
  echo 'nothing was heard for too long, so the host put the old state back' >&2
  return 1
}

# hoist_arm RUN: takes the script on standard input, and starts a watchdog if there is none. One of this run that has put the
# old state back, or is at it, is not started again: what it undid would count as done.
hoist_arm() {
  command -v setsid >/dev/null || { echo 'setsid is missing' >&2; return 1; }
  hoist_in_time "$1" || return 1
  if ! hoist_armed; then
    rm -rf "$hoist_state/switch" "$hoist_state/aside/switch"
    mkdir -m 700 "$hoist_state/switch"
  fi
  cat >"$hoist_state/switch/new"
  printf '%s\n' "$1" >"$hoist_state/switch/run"
  sync "$hoist_state/switch/new"
  mv -T "$hoist_state/switch/new" "$hoist_state/switch/undo"
  hoist_in_time "$1" || { rm -f "$hoist_state/switch/undo"; return 1; }
  if ! hoist_armed; then
    hoist_state=$hoist_state hoist_user=$hoist_user setsid /bin/sh "$hoist_state/switch/undo" watch \
      </dev/null >/dev/null 2>&1 4<&- 5>&- 6>&- 9>&- &
    echo $! >"$hoist_state/switch/pid"
  fi
}

# hoist_account USER: keeps who this user is. Only that is put back: other users may come in the same run.
hoist_account() {
  [ ! -e "$hoist_state/switch/account" ] || return 0
  hoist_groups=$(
    getent group | while IFS=: read -r hoist_1 hoist_2 hoist_3 hoist_4; do
      case ,$hoist_4, in *",$1,"*) printf ',%s' "$hoist_1" ;; esac
    done
  )
  { getent passwd "$1" && getent shadow "$1" && printf '%s\n' "${hoist_groups#,}"; } >"$hoist_state/switch/account.new" || return 1
  mv -T "$hoist_state/switch/account.new" "$hoist_state/switch/account"
}

# hoist_account_back: makes that user what it was: number of its group, home, shell, password, end, groups.
hoist_account_back() {
  [ -e "$hoist_state/switch/account" ] || return 0
  {
    IFS=: read -r hoist_1 hoist_2 hoist_3 hoist_group hoist_4 hoist_home hoist_shell
    IFS=: read -r hoist_1 hoist_hash hoist_2 hoist_3 hoist_4 hoist_5 hoist_6 hoist_end hoist_rest
    read -r hoist_groups
  } <"$hoist_state/switch/account"
  usermod -g "$hoist_group" -d "$hoist_home" -s "$hoist_shell" -e "$hoist_end" -G "$hoist_groups" "$hoist_1" || return 1
  hoist_2=$(getent shadow "$hoist_1" | cut -d: -f2)
  # Not as an argument: those can be read by every user of the host.
  [ "$hoist_2" = "$hoist_hash" ] || printf '%s:%s\n' "$hoist_1" "$hoist_hash" | chpasswd -e || return 1
  printf 'put back: the user %s\n' "$hoist_1" >&2
}

# hoist_watch SECONDS: waits until nothing was done for so long, and puts the old state back. A run that works says so.
hoist_watch() {
  hoist_switch=$hoist_state/switch
  hoist_idle=0
  while [ "$hoist_idle" -lt "$1" ] && [ ! -e "$hoist_switch/now" ]; do
    sleep 1
    [ -e "$hoist_switch/undo" ] || exit 0
    hoist_idle=$((hoist_idle + 1))
    if { read -r hoist_pid <"$hoist_stage/busy" && kill -0 "$hoist_pid"; } 2>/dev/null; then hoist_idle=0; fi
  done
  mv -T "$hoist_switch/undo" "$hoist_switch/undoing" || exit 0
  /bin/sh "$hoist_switch/undoing" undo </dev/null >"$hoist_switch/said" 2>&1
  echo $? >"$hoist_switch/ended"
  mv -T "$hoist_switch/ended" "$hoist_switch/result"
}

# hoist_undone: waits until the old state is back, and says how that went. Fails when nothing is being put back.
hoist_undone() {
  hoist_tries=600
  while [ ! -e "$hoist_state/switch/result" ] && [ "$hoist_tries" -gt 0 ]; do
    if [ ! -e "$hoist_state/switch/undoing" ] && ! hoist_armed; then return 1; fi
    hoist_tries=$((hoist_tries - 1))
    sleep 0.2
  done
  cat "$hoist_state/switch/said"
  return "$(cat "$hoist_state/switch/result")"
}
