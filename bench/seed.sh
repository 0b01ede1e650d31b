#!/bin/sh
# Puts the git repository that the web host checks out onto a host, the same commit on each: runs there, as root.
set -e
export GIT_AUTHOR_DATE="2025-01-01T00:00:00Z" GIT_COMMITTER_DATE="2025-01-01T00:00:00Z"
mkdir -p /srv/git
cd /srv/git
git init -q -b master seed
cd seed
echo hi >README
git add .
git -c user.name=bench -c user.email=bench@localhost commit -q -m one
git clone -q --bare . ../catalogage.git
cd ..
rm -r seed
chmod -R a+rX /srv/git
git config --system --add safe.directory '*'
