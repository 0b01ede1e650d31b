# git, for checkouts and releases.

# hoist_git_setup PROTOCOLS SSH_COMMAND: how git works for the rest of the script: it asks nothing, runs no hooks, trusts no
# folder because of who called sudo, and fetches with these protocols only, in submodules too.
hoist_git_setup() {
  unset SUDO_UID SUDO_GID SUDO_USER GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_CONFIG_PARAMETERS GIT_CONFIG_COUNT GIT_SSH GIT_PROXY_COMMAND
  GIT_ALLOW_PROTOCOL=$1 GIT_SSH_COMMAND=$2 GIT_TERMINAL_PROMPT=0 GIT_ASKPASS=false SSH_ASKPASS=false GIT_OPTIONAL_LOCKS=0
  export GIT_ALLOW_PROTOCOL GIT_SSH_COMMAND GIT_TERMINAL_PROMPT GIT_ASKPASS SSH_ASKPASS GIT_OPTIONAL_LOCKS
}
hoist_git() { git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c protocol.ext.allow=never -c advice.detachedHead=false "$@" </dev/null; }

# hoist_git_look DEST URL REMOTE COMMIT update|'' recursive|'' PATTERN...: what is checked out at DEST, and what the remote
# has; it is not asked when the answer changes nothing. A line each: the first word says of what.
hoist_git_look() {
  command -v git >/dev/null || { echo nogit; return 0; }
  hoist_path=$1 hoist_url=$2 hoist_head= hoist_wanted=$4
  if [ -e "$1/.git" ]; then
    cd "$1" || { echo "closed $1"; return 0; }
    hoist_head=$(hoist_git rev-parse -q --verify HEAD) || [ $? -eq 1 ] || { echo broken; return 0; }
    printf 'url %s\n' "$(hoist_git config --get "remote.$3.url")"
    if [ -n "$hoist_head" ]; then
      printf 'head %s\n' "$hoist_head"
      hoist_git status --porcelain --untracked-files=no | head -n 20 | sed 's/^/dirty /'
      [ -z "$6" ] || hoist_git submodule status --recursive | sed -n 's/^[-+U].*/submodules/p'
      [ -n "$5" ] || return 0
    fi
    [ -w . ] || { echo "closed $1"; return 0; }
  elif [ -d "$1" ]; then
    hoist_found=$(ls -A "$1") && [ -w "$1" ] || { echo "closed $1"; return 0; }
    [ -z "$hoist_found" ] || { echo other; return 0; }
  elif [ -e "$1" ] || [ -L "$1" ]; then
    echo other
    return 0
  else
    while [ ! -e "$hoist_path" ]; do hoist_path=${hoist_path%/*}; [ -n "$hoist_path" ] || hoist_path=/; done
    [ -w "$hoist_path" ] || { echo "closed $hoist_path"; return 0; }
  fi
  [ -z "$hoist_wanted" ] || return 0
  shift 6
  # Not inside the checkout: its configuration has no say in this.
  cd / || return 1
  hoist_found=$(hoist_git ls-remote --symref -- "$hoist_url" "$@") || return 1
  printf '%s\n' "$hoist_found" | sed 's/^/remote /'
}

# hoist_git_checkout DEST URL REMOTE COMMIT REF DEPTH|all|'' force|'' WAS: brings DEST from the commit WAS to COMMIT, found as
# REF. With a depth, or all, only that REF is fetched. Stops with 75 when DEST is not at WAS any more.
hoist_git_checkout() {
  mkdir -p -- "$1"
  cd "$1"
  hoist_head=
  if [ -e .git ]; then
    hoist_head=$(hoist_git rev-parse -q --verify HEAD) || :
  elif [ -n "$(ls -A)" ]; then
    hoist_head=other
  else
    hoist_git init -q
  fi
  if [ "$hoist_head" != "$8" ]; then
    printf '%s changed since the plan was made; it was left as it is\n' "$1" >&2
    exit 75
  fi
  hoist_force=${7:+-f}
  if [ -z "$8" ]; then
    # Nothing was checked out yet: what an earlier try left behind may go.
    rm -f .git/index.lock .git/shallow.lock
    hoist_force=-f
  fi
  if hoist_git config --get "remote.$3.url" >/dev/null; then
    hoist_git remote set-url -- "$3" "$2"
  else
    hoist_git remote add -- "$3" "$2"
  fi
  hoist_branch=
  case $5 in refs/heads/*) hoist_branch=${5#refs/heads/} ;; esac
  if ! hoist_git cat-file -e "$4^{commit}" 2>/dev/null; then
    hoist_depth=
    case $6 in '' | all) ;; *) hoist_depth=--depth=$6 ;; esac
    case $6:$5 in
      :*) hoist_git fetch -q --force --tags --no-recurse-submodules -- "$3" "+refs/heads/*:refs/remotes/$3/*" ;;
      *:refs/heads/*) hoist_git fetch -q --force --no-tags $hoist_depth --no-recurse-submodules -- "$3" "+$4:refs/remotes/$3/$hoist_branch" ;;
      *:refs/tags/*) hoist_git fetch -q --force --no-tags $hoist_depth --no-recurse-submodules -- "$3" "+$5:$5" ;;
    esac
    # A commit that no branch has, or a ref of another kind.
    hoist_git cat-file -e "$4^{commit}" 2>/dev/null || hoist_git fetch -q --no-tags $hoist_depth --no-recurse-submodules -- "$3" "$4"
  fi
  if [ -n "$hoist_branch" ]; then
    hoist_git checkout -q $hoist_force -B "$hoist_branch" "$4" --
    hoist_git config "branch.$hoist_branch.remote" "$3"
    hoist_git config "branch.$hoist_branch.merge" "$5"
  else
    hoist_git checkout -q $hoist_force --detach "$4" --
  fi
}
