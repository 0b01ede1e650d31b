# Steps that may take only so long (engine/deadline.rs). Not part of the prelude: sent where it is needed.

# hoist_deadline PID SECONDS WORDS: ends what PID started when its time, or that of the host, is over; leaves WORDS in `late`.
hoist_deadline() {
  hoist_uptime
  hoist_end=$hoist_until
  hoist_words=$hoist_host_words
  if [ -n "$2" ] && { [ -z "$hoist_end" ] || [ $((hoist_now + $2)) -le "$hoist_end" ]; }; then
    hoist_end=$((hoist_now + $2))
    hoist_words=$3
  fi
  while [ "$hoist_now" -lt "$hoist_end" ]; do
    sleep 1
    hoist_uptime
  done
  hoist_family "$1"
  printf '%s\n' "$hoist_words" >"$hoist_stage/late"
  hoist_terminate $hoist_kin
}

# hoist_limited SECONDS WORDS: waits for the job that was started last, but not for longer than it may take.
hoist_limited() {
  hoist_child=$!
  rm -f "$hoist_stage/late"
  hoist_deadline "$hoist_child" "$1" "$2" </dev/null >/dev/null 2>&1 4<&- 5>&- 6>&- 9>&- &
  hoist_timer=$!
  wait "$hoist_child"
  hoist_ended=$?
  if [ -e "$hoist_stage/late" ]; then
    wait "$hoist_timer"
    cat "$hoist_stage/late" >&2
    rm -f "$hoist_stage/late"
    return 124
  fi
  kill "$hoist_timer" 2>/dev/null
  wait "$hoist_timer" 2>/dev/null
  return "$hoist_ended"
}
