# How long questions may take (engine/questions.rs), and how processes are ended. Sent once at the start of a session, and not,
# as the prelude is, to the shells of other users.

# hoist_family PID: it and all processes that come from it, in $hoist_kin.
hoist_family() {
  hoist_kin=" $1 "
  hoist_more=1
  while [ "$hoist_more" = 1 ]; do
    hoist_more=0
    for hoist_proc in /proc/[0-9]*/stat; do
      read -r hoist_line <"$hoist_proc" || continue
      hoist_pid=${hoist_line%% *}
      # The name of a program may hold anything: PID (NAME) STATE PARENT ...
      hoist_rest=${hoist_line##*) ? }
      case $hoist_kin in
        *" $hoist_pid "*) ;;
        *" ${hoist_rest%% *} "*) hoist_kin="$hoist_kin$hoist_pid " hoist_more=1 ;;
      esac
    done
  done
}

# Seconds since the host was booted, in $hoist_now: clocks are set, this is not.
hoist_uptime() {
  read -r hoist_now hoist_rest </proc/uptime
  hoist_now=${hoist_now%.*}
}

# hoist_terminate PID...: asks these processes to end; those that are there after five seconds are not asked.
hoist_terminate() {
  kill -TERM "$@"
  hoist_uptime
  hoist_last=$((hoist_now + 6))
  while [ "$hoist_now" -lt "$hoist_last" ]; do
    hoist_more=0
    for hoist_pid; do
      if kill -0 "$hoist_pid"; then hoist_more=1; fi
    done
    [ "$hoist_more" = 1 ] || return 0
    sleep 0.1
    hoist_uptime
  done
  kill -KILL "$@"
}

# hoist_questions SECONDS: from here to hoist_answered no process of this shell takes longer, with all that comes from it. One shell
# looks after all of them: that they are children of this one, and since when, is what the kernel knows.
trap 'hoist_late=256' USR1
hoist_questions() {
  hoist_late=
  hoist_overseer "$1" </dev/null >/dev/null 2>&1 4<&- 9>&- &
  hoist_overseer=$!
}
hoist_answered() { kill "$hoist_overseer" 2>/dev/null; }

hoist_overseer() {
  hoist_before=$!
  hoist_over=
  hoist_left=$1
  read -r hoist_line </proc/self/stat
  hoist_self=${hoist_line%% *}
  set -- "$1" ${hoist_line##*) }
  # Of the fields behind the name the second is the parent, the 20th the time of the start, in hundredths of a second.
  hoist_began=${21}
  while :; do
    # `$!` is a sleep of ours as soon as there is one; nothing can come in between. A shell that is just about to become one
    # still has this trap, and what is caught before it does is lost: only KILL is not.
    trap '[ "$!" = "$hoist_before" ] || kill -KILL $!; exit' TERM
    kill -0 $$ && [ -z "$hoist_over" ] || exit
    sleep "$hoist_left" &
    read -r hoist_line </proc/$!/stat
    set -- "$1" ${hoist_line##*) }
    wait $!
    # Not the clock, which is set, and not /proc/uptime, which is another one in some containers.
    hoist_now=$((${21} + hoist_left * 100))
    # What is being ended is ended, even when nothing is asked any more.
    trap 'hoist_over=1' TERM
    hoist_left=$1
    for hoist_proc in /proc/[0-9]*/stat; do
      read -r hoist_line <"$hoist_proc" || continue
      hoist_pid=${hoist_line%% *}
      set -- "$1" ${hoist_line##*) }
      if [ "$3" != $$ ] || [ "$2" = Z ] || [ "$hoist_pid" = "$hoist_self" ] || [ "${21:-0}" -lt "$hoist_began" ]; then continue; fi
      hoist_rest=$((($1 * 100 - hoist_now + ${21} + 99) / 100))
      if [ "$hoist_rest" -gt 0 ]; then
        if [ "$hoist_rest" -lt "$hoist_left" ]; then hoist_left=$hoist_rest; fi
        continue
      fi
      kill -USR1 $$
      hoist_family "$hoist_pid"
      hoist_terminate $hoist_kin
      hoist_left=1
      break
    done
  done
}
