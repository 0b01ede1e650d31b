# What files were before a run changed them, for a change that may have to be taken back (engine/aside.rs). Each SET is a
# folder in $hoist_state/aside, with an entry for each change, in their order: `path`, and `was` if something was there.
# Not part of the prelude: sent where it is needed.

# hoist_aside SET PATH whole|bare: keeps what is at PATH; of a folder (bare) only its owner and mode.
hoist_aside() {
  hoist_dir=$hoist_state/aside/$1
  rm -rf "$hoist_dir/new"
  mkdir -p "$hoist_dir/new"
  printf '%s' "$2" >"$hoist_dir/new/path"
  if [ "$3" = bare ] && [ -d "$2" ] && [ ! -L "$2" ]; then
    mkdir "$hoist_dir/new/was"
    chown --reference="$2" "$hoist_dir/new/was"
    chmod --reference="$2" "$hoist_dir/new/was"
  elif [ -e "$2" ] || [ -L "$2" ]; then
    cp -a -x -T -- "$2" "$hoist_dir/new/was"
    if [ -f "$hoist_dir/new/was" ] && [ ! -L "$hoist_dir/new/was" ]; then sync "$hoist_dir/new/was"; fi
  fi
  hoist_number=1000
  while [ -e "$hoist_dir/$hoist_number" ]; do hoist_number=$((hoist_number + 1)); done
  # fault
  sync "$hoist_dir/new/path" "$hoist_dir/new"
  # fault
  mv -T "$hoist_dir/new" "$hoist_dir/$hoist_number"
  sync "$hoist_dir"
}

# hoist_back_one ENTRY: puts one back, whole or not at all.
hoist_back_one() {
  hoist_path=$(cat "$1/path") || return 1
  hoist_tmp=${hoist_path%/*}
  if [ ! -e "$1/was" ] && [ ! -L "$1/was" ]; then
    if [ ! -d "$hoist_path" ] || [ -L "$hoist_path" ]; then
      rm -f -- "$hoist_path" || return 1
    else
      # Somebody else may have put something into a folder that was made.
      rmdir -- "$hoist_path" 2>/dev/null || :
    fi
  elif [ -d "$1/was" ] && [ ! -L "$1/was" ] && [ -d "$hoist_path" ] && [ ! -L "$hoist_path" ]; then
    chown --reference="$1/was" -- "$hoist_path" && chmod --reference="$1/was" -- "$hoist_path" || return 1
  else
    # What a run left that was killed just here.
    rm -rf --one-file-system "$hoist_tmp"/.hoist.????????
    hoist_tmp=$(mktemp -d "${hoist_tmp:-/}/.hoist.XXXXXXXX") || return 1
    # fault
    if cp -a -T -- "$1/was" "$hoist_tmp/was" && mv -fT -- "$hoist_tmp/was" "$hoist_path"; then
      # fault
      rmdir -- "$hoist_tmp"
    else
      rm -rf -- "$hoist_tmp"
      return 1
    fi
    if [ -f "$hoist_path" ] && [ ! -L "$hoist_path" ]; then sync "$hoist_path"; fi
  fi
  printf 'put back: %s\n' "$hoist_path" >&2
}

# hoist_back SET: puts all of a set back, the last change first. Nothing is due for it then, so the handler of that name is
# no longer pending. What cannot be put back stays in the state folder.
hoist_back() {
  hoist_bad=
  for hoist_entry in $(ls -r "$hoist_state/aside/$1" 2>/dev/null); do
    case $hoist_entry in
      *[!0-9]*) ;;
      *)
        hoist_back_one "$hoist_state/aside/$1/$hoist_entry" || {
          hoist_bad=1
          printf 'could NOT be put back: %s; what it was is kept as %s\n' "$hoist_path" "$hoist_state/aside/$1/$hoist_entry/was" >&2
        }
        ;;
    esac
  done
  [ -z "$hoist_bad" ] || return 1
  # fault
  rm -f "$hoist_pending/$1"
  # fault
  rm -rf "$hoist_state/aside/$1"
}

# hoist_refuse SET: puts a set back that its validator refused; 76 then.
hoist_refuse() {
  echo 'what was changed is refused, so it is put back' >&2
  hoist_back "$1" || return 1
  return 76
}
