#!/bin/sh
# Fetches packages and all they depend on into a directory, as far as a tree
# lacks them. A customize hook of mmdebstrap runs it with its apt set up for
# the tree: $1 is the tree, $2 the directory, the rest are the packages.
set -eu
archives=$1/var/cache/apt/archives
into=$2
shift 2
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
rm -f "$archives"/*.deb # what the tree was made of
apt-get install --yes --download-only --no-install-recommends "$@"
cp "$archives"/*.deb "$into"
rm "$archives"/*.deb
