# The functions that the questions about packages are asked with. They share their variables, and need a process only
# where something is missing.

# What dpkg knows of packages, a line for each: STATUS NAME:ARCHITECTURE WANTED VERSION. dpkg itself tells the host's architecture.
hoist_packages() {
  hoist_known=$(dpkg-query -W -f '${db:Status-Status} ${Package}:${Architecture} ${db:Status-Want} ${Version}\n' -- dpkg "$@" 2>/dev/null)
  hoist_status=$?
  printf '%s\n' "$hoist_known"
  return "$hoist_status"
}

# Keeps those of the names that are not installed in $hoist_missing, a line for each.
hoist_find_missing() {
  hoist_missing=
  for hoist_name; do
    case $hoist_name in *:*) hoist_end=' ' ;; *) hoist_end=: ;; esac
    case "
$hoist_known" in
      *"
installed $hoist_name$hoist_end"*) ;;
      *) hoist_missing="$hoist_missing$hoist_name
" ;;
    esac
  done
}

# What apt would install: for the names given, and for the missing ones.
hoist_candidates() {
  set -- "$@" $hoist_missing
  [ $# -eq 0 ] || hoist_apt_policy -- "$@"
}

# Installed packages that may provide a missing name: STATUS NAME PROVIDES.
hoist_providers() {
  [ -z "$hoist_missing" ] || dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' | grep -F -- "${hoist_missing%?}"
}

# The time now, then the time of the package lists and of the package sources.
hoist_apt_state() {
  for hoist_path in /var/lib/dpkg/updates/[0-9]*; do
    [ ! -e "$hoist_path" ] || echo interrupted
  done
  date +%s
  for hoist_path in /var/lib/apt/lists/*_Packages* /var/lib/apt/lists/*_InRelease; do
    if [ -e "$hoist_path" ]; then echo lists; break; fi
  done
  stat -c '%Y %n' -- /var/lib/apt/lists /var/lib/apt/periodic/update-success-stamp \
    /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/sources.list.d/* 2>/dev/null
  return 0
}
