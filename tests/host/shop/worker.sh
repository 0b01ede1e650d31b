# The shop's worker, unless this version is said to be sick. That is told here and not in worker.js: on a host that is busy node takes
# longer to begin than a worker that stays up has to run.
if grep -qswF "$(cat VERSION)" /etc/shop-worker-sick; then
  echo "$(cat VERSION) cannot work" >&2
  exit 1
fi
exec node worker.js
