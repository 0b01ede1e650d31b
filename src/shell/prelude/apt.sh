# apt, for the kind `package`.

# hoist_apt WORD...: apt-get that asks nothing, waits for another run of dpkg, takes names as names (no patterns), and
# keeps configuration files that were edited. LC_ALL stays as it is: a database that is installed takes its encoding from it.
hoist_apt() {
  DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l APT_LISTCHANGES_FRONTEND=none apt-get -q -y \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
    -o APT::Cmd::Pattern-Only=true "$@" </dev/null
}

# hoist_apt_try WORD...: the same, without doing it. Its caches stay in memory, for a plan writes nothing.
hoist_apt_try() { hoist_apt -s -o Debug::NoLocking=1 -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= "$@"; }

# hoist_apt_policy WORD...: what apt would install. A plan writes nothing, and apt renews its caches on disk when it can, so it is
# asked as nobody; and where nobody may not read all of its sources, with caches in memory, which takes 20 times as long.
hoist_apt_policy() {
  if hoist_said=$(setpriv --reuid=65534 --regid=65534 --clear-groups -- apt-cache policy "$@" 2>&1); then
    case $hoist_said in
      *'Unable to read'*) ;;
      *) printf '%s\n' "$hoist_said"; return 0 ;;
    esac
  fi
  apt-cache -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= policy "$@"
}

# Fetches the package lists. apt does not wait for another apt that is at it, so this does.
hoist_apt_update() {
  hoist_tries=30
  until hoist_said=$(hoist_apt -o Acquire::Retries=3 -o APT::Update::Error-Mode=any update 2>&1); do
    hoist_tries=$((hoist_tries - 1))
    case $hoist_tries:$hoist_said in
      0:*) ;;
      *'Could not get lock'*)
        # With the number and the name of who holds it.
        printf 'waiting: %s\n' "$(printf '%s\n' "$hoist_said" | grep -m 1 'Could not get lock')"
        sleep 10
        continue
        ;;
    esac
    printf '%s\n' "$hoist_said" >&2
    return 1
  done
  touch /var/lib/apt/lists
}

# hoist_apt_install WORD...: installs, and removes nothing for it.
hoist_apt_install() {
  if hoist_apt --no-remove install "$@"; then return 0; fi
  hoist_gone=$(hoist_apt_try install "$@" 2>/dev/null | sed -n 's/^Remv \([^ ]*\).*/\1/p' | paste -s -d ' ')
  [ -z "$hoist_gone" ] || printf 'these would have to go: %s; `allow_removals: true` lets them\n' "$hoist_gone" >&2
  return 1
}

# hoist_apt_remove NAMES WORD...: removes, but only if just these packages go (sorted, a line each).
hoist_apt_remove() {
  hoist_planned=$1
  shift
  hoist_gone=$(hoist_apt_try "$@" | sed -n 's/^\(Remv\|Purg\) \([^ ]*\).*/\2/p' | sort -u)
  if [ "$hoist_gone" != "$hoist_planned" ]; then
    printf 'other packages would go than the plan showed: %s\n' "$(printf '%s' "$hoist_gone" | paste -s -d ' ')" >&2
    exit 75
  fi
  hoist_apt "$@"
}
