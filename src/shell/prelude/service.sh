# systemd, for the kind `service`.

# hoist_validate WORDS COMMAND: stops when the command fails, and says so with these words. $hoist_set names the files that it
# decides on (see aside.sh): they are put back.
hoist_validate() {
  if sh -c "$2"; then return 0; fi
  printf '`%s` failed, so %s\n' "$2" "$1" >&2
  if [ -n "${hoist_set-}" ] && [ -d "$hoist_state/aside/$hoist_set" ] && hoist_back "$hoist_set"; then
    sh -c "$2" >/dev/null 2>&1 || printf '`%s` fails with these, too\n' "$2" >&2
    exit 76
  fi
  exit 1
}

# hoist_unit start|restart|reload UNIT: does it, and waits until the unit is up. A service that systemd calls active as soon
# as its process exists must still be so a second later. Otherwise shows the last words of the unit, and fails.
hoist_unit() {
  hoist_state=$(systemctl show --property=NeedDaemonReload,ActiveState -- "$2")
  case $hoist_state in *Reload=yes*) systemctl daemon-reload ;; esac
  # A unit that failed too often is not started again before that.
  case $hoist_state in *State=failed*) systemctl reset-failed -- "$2" ;; esac
  hoist_first=
  hoist_tries=90
  systemctl "$1" -- "$2" || hoist_tries=0
  while [ "$hoist_tries" -gt 0 ]; do
    hoist_tries=$((hoist_tries - 1))
    hoist_state=$(systemctl show --property=ActiveState,SubState,Type,Result,NRestarts -- "$2")
    case $hoist_state in
      *SubState=auto-restart*) break ;;
      *Type=oneshot*Result=success* | *Result=success*Type=oneshot*) return 0 ;;
      *ActiveState=active*) ;;
      *ActiveState=activating* | *ActiveState=reloading*) sleep 1; continue ;;
      *) break ;;
    esac
    case $hoist_state in *Type=simple* | *Type=exec* | *Type=idle*) ;; *) return 0 ;; esac
    if [ -z "$hoist_first" ]; then
      hoist_first=$hoist_state
      sleep 1
    elif [ "$hoist_first" = "$hoist_state" ]; then
      return 0
    else
      break
    fi
  done
  hoist_state=$(systemctl show --property=ActiveState,SubState,Result -- "$2" | paste -s -d ' ')
  printf '%s did not come up and stay up: %s; its last words:\n' "$2" "$hoist_state" >&2
  journalctl --no-pager --output=cat --lines=15 --unit="$2" >&2 || :
  return 1
}
