# For the kinds `command` and `shell`.

# hoist_created PATH: fails when a command did not create what it should.
hoist_created() {
  if [ -e "$1" ] || [ -L "$1" ]; then return 0; fi
  printf 'it ran, but %s is not there: is the path in `creates` right?\n' "$1" >&2
  return 1
}
