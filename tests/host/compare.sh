#!/usr/bin/env bash
# Compares two test hosts: what stands below /etc, /home, /var/www and /usr/local/bin (kind, owner, group, mode, content,
# target; of a git checkout its commit, branch and remote), users, groups, crontabs, packages, and which units are enabled
# and running. Prints the differences; fails if there are any.
#
#   tests/host/compare.sh HOST1 HOST2
#   tests/host/compare.sh HOST            prints what is compared
#
# Left out is what no two hosts share (names and keys of the host, backups of the password database), how git stores a
# checkout, and what a tool needs for itself: its folders, the name it gives its cron jobs, Ansible's python3-apt.
set -euo pipefail
testhost=$(cd "$(dirname "$0")/../testhost" && pwd)/testhost

state() { # HOST
  "$testhost" exec "$1" sh -s <<'END'
export LC_ALL=C
cd /
below() { # WHAT FIND DOES WITH EACH
  find etc home var/www usr/local/bin \
    \( -path etc/hostname -o -path etc/hosts -o -path etc/machine-id -o -path etc/resolv.conf -o -path etc/mailname \
    -o -path 'etc/ssh/ssh_host_*' -o -path etc/ld.so.cache -o -path etc/.pwd.lock -o -path 'etc/*-' \
    -o -path 'etc/ssl/*snakeoil*' -o -path '*/.git/*' -o -name .ansible -o -name .cache \) -prune -o "$@"
}
below -printf 'path %p %y %u:%g %m %l\n' | sort
below -type f -exec sha256sum {} + | awk '{ sum = $1; sub(/^[^ ]*  /, ""); print "content " $0 " " sum }' | sort
below -name .git -print | sort | while read -r git; do
  for question in "rev-parse HEAD" "symbolic-ref HEAD" "config remote.origin.url" "status --porcelain"; do
    # shellcheck disable=SC2086 # the words of a question
    git --git-dir="$git" --work-tree="${git%/.git}" $question | sed "s|^file://||; s|^|checkout $git ${question%% *} |"
  done
done
getent passwd | sed 's/^/user /' | sort
getent group | sed 's/^/group /' | sort
for file in var/spool/cron/crontabs/*; do
  [ -f "$file" ] || continue
  stat -c "crontab $file %U:%G %a" "$file"
  # crontab's own head says when it was written, the others whose job it is.
  grep -v '^# ' "$file" | sed "s/^#[A-Za-z]*: /#NAME: /; s|^|crontab $file |"
done
systemctl list-unit-files --no-legend --no-pager | awk '{ print "enabled", $1, $2 }' | sort
systemctl list-units --no-legend --no-pager --plain --type=service,timer,socket --state=active,failed |
  awk '$4 != "exited" { print "active", $1, $3, $4 }' | grep -v -e 'user@' -e 'user-runtime-dir@' -e systemd-tmpfiles -e 'session' | sort
dpkg-query -W -f 'package ${Package} ${Version} ${db:Status-Status}\n' |
  grep -v -E '^package (python3-apt|python-apt-common|distro-info-data|iso-codes) ' | sort
END
}

case $# in
  1) state "$1" ;;
  2) if found=$(diff -U0 --label "$1" --label "$2" <(state "$1") <(state "$2")); then exit 0; else grep -v '^@@' <<<"$found"; exit 1; fi ;;
  *) sed -n '2,/^set -/p' "$0" | sed '$d; s/^# \{0,1\}//' && exit 2 ;;
esac
