# The functions that hoist's scripts are written with. Sent once at the start of a session; POSIX sh and coreutils only.
# $hoist_nonce and $hoist_stage (a folder of this session, 0700) are set before.

# A frame begins / ends, on both streams. $hoist_late is set when what ran in it was ended for taking too long (questions.sh).
hoist_b() { printf '\n%s b %s\n' "$hoist_nonce" "$1"; printf '\n%s b %s\n' "$hoist_nonce" "$1" >&2; }
hoist_e() {
  set -- "$1" "${hoist_late:-$2}"
  hoist_late=
  printf '\n%s e %s %s\n' "$hoist_nonce" "$1" "$2"
  printf '\n%s e %s %s\n' "$hoist_nonce" "$1" "$2" >&2
}

# A line in the journal of this run.
hoist_j() { printf '%s\n' "$1" >>"$hoist_state/journal"; }

# hoist_relay STEP out|err DESCRIPTOR: hands on what a step writes into the pipe. When nobody listens any more it swallows
# the rest, so that a broken line does not end the step. Runs in the background, and must not keep lock and pipes open.
hoist_relay() {
  exec 5>&- 6>&- 9>&- <"$hoist_stage/$2" >&"$3"
  cat 2>/dev/null || cat >/dev/null
  { : >"$hoist_stage/$2.$1"; } 2>/dev/null
}

# hoist_relayed STEP: waits until all is handed on; a second, if something that the step left behind keeps the pipe open.
hoist_relayed() {
  hoist_tries=100
  until [ -e "$hoist_stage/out.$1" ] && [ -e "$hoist_stage/err.$1" ] || [ "$hoist_tries" = 0 ]; do
    hoist_tries=$((hoist_tries - 1))
    sleep 0.01
  done
}

# Adds the sums of the regular files among "$@" to $hoist_sums (sha256sum would hang on a named pipe).
hoist_sum_files() {
  for hoist_path; do
    shift
    if [ -f "$hoist_path" ]; then set -- "$@" "$hoist_path"; fi
  done
  [ $# -eq 0 ] || hoist_sums="$hoist_sums$(sha256sum -- "$@" 2>/dev/null)
"
}

# hoist_content PATH [SHA256...]: the content of a regular file, unless $hoist_sums says that it is one of these.
hoist_content() {
  [ -f "$1" ] || return 0
  hoist_path=$1
  shift
  for hoist_hash; do
    case "
$hoist_sums" in *"
$hoist_hash  $hoist_path
"*) return 0 ;; esac
  done
  head -c 4194304 -- "$hoist_path"
}

# hoist_was PATH absent|file|directory|link:TARGET|SHA256|other: stops with 75 when the path is no longer what the plan saw.
hoist_was() {
  case $2 in
    other) return 0 ;;
    absent) if [ ! -e "$1" ] && [ ! -L "$1" ]; then return 0; fi ;;
    file) if [ -f "$1" ] && [ ! -L "$1" ]; then return 0; fi ;;
    directory) if [ -d "$1" ] && [ ! -L "$1" ]; then return 0; fi ;;
    link:*) if [ -L "$1" ] && [ "$(readlink -- "$1")" = "${2#link:}" ]; then return 0; fi ;;
    *) if [ -f "$1" ] && [ "$(sha256sum <"$1")" = "$2  -" ]; then return 0; fi ;;
  esac
  printf '%s changed since the plan was made; it was left as it is\n' "$1" >&2
  exit 75
}

# hoist_write PATH MODE OWNER GROUP SHA256 WAS CHECK: puts the content on descriptor 4 at PATH, whole or not at all.
# Empty OWNER or GROUP: as they come. CHECK is a command that must accept the new file, which it finds in $hoist_tmp: if it does
# not, the status is 77.
hoist_write() {
  hoist_dir=${1%/*}
  hoist_was "$1" "$6"
  # What a run left that was killed just here.
  rm -rf --one-file-system "$hoist_dir"/.hoist.???????? 2>/dev/null || :
  # The folder may be somebody else's, who could put a link in the place of the new file. So it is opened once, as a file
  # that was not there (noclobber), and from then on it is named by its descriptor.
  hoist_tmp=$(mktemp -u "${hoist_dir:-/}/.hoist.XXXXXXXX")
  hoist_mask=$(umask)
  umask 077
  set -C
  exec 3>"$hoist_tmp"
  set +C
  umask "$hoist_mask"
  trap 'rm -f "$hoist_tmp"' EXIT
  hoist_new=/proc/self/fd/3
  # fault
  cat <&4 >&3
  # fault
  if [ "$(sha256sum <$hoist_new)" != "$5  -" ]; then
    printf '%s: the content did not arrive whole; the old one stays\n' "$1" >&2
    exit 74
  fi
  # chown clears setuid, so mode comes last.
  [ -z "$3$4" ] || chown "$3${4:+:$4}" $hoist_new
  chmod "$2" $hoist_new
  if [ -n "$7" ]; then
    hoist_tmp=$hoist_tmp sh -c "$7" 3>&- || {
      printf '%s: the new file was refused by its check (status %s); the old one stays\n' "$1" "$?" >&2
      exit 77
    }
  fi
  # fault
  sync $hoist_new
  exec 3>&-
  # fault
  mv -fT "$hoist_tmp" "$1" || {
    # Written in place, it would not be old or new.
    if cut -d ' ' -f 5 /proc/self/mountinfo | grep -qxF -- "$1"; then
      printf '%s is mounted over by itself (a bind mount), so it cannot be replaced; change the file that is mounted\n' "$1" >&2
    fi
    exit 1
  }
  # fault
  trap - EXIT
  sync "${hoist_dir:-/}"
}

# hoist_as USER: runs the script on standard input as USER, in its home folder. Descriptor 4 goes along.
hoist_as() {
  if [ "$1" = "$hoist_user" ]; then /bin/sh -s; return; fi
  if [ "$hoist_user" != root ]; then
    printf 'becoming %s needs root, and this session runs as %s\n' "$1" "$hoist_user" >&2
    return 1
  fi
  hoist_line=$(getent passwd "$1") || { printf 'there is no user %s\n' "$1" >&2; return 1; }
  (
    hoist_rest=${hoist_line#*:*:}
    hoist_uid=${hoist_rest%%:*} hoist_rest=${hoist_rest#*:}
    hoist_home=${hoist_line%:*}
    HOME=${hoist_home##*:} USER=$1 LOGNAME=$1 SHELL=/bin/sh
    export HOME USER LOGNAME SHELL
    cd "$HOME" 2>/dev/null || cd /
    # Not su or runuser: those open a session, which takes time and leaves a line in the host's log for every question.
    exec setpriv --reuid="$hoist_uid" --regid="${hoist_rest%%:*}" --init-groups -- /bin/sh -s
  )
}
