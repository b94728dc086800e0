#!/usr/bin/env bash
# Gets what `make bench` measures beside the registry: Debian's docker-registry and nginx, and wrk. Programs that are
# on this machine are taken; else the packages are downloaded and unpacked below .tools/peers, without
# installing anything. What cannot be had is told, and its rows are skipped.
set -uo pipefail
cd "$(dirname "$0")/.."

say() { echo "peers: $*" >&2; }
have() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null || [ -n "$(find .tools/peers/usr -name "$1" -type f -perm -u+x 2>/dev/null)" ]; }

fetch() {
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
  local tmp deb package
  tmp=$(mktemp -d) || return 1
  for package in "$@"; do
    (cd "$tmp" && apt-get -qq -o APT::Sandbox::User=root download "$package" >/dev/null 2>&1) || say "$package could not be downloaded"
  done
  mkdir -p .tools/peers
  for deb in "$tmp"/*.deb; do
    [ -e "$deb" ] && dpkg-deb -x "$deb" .tools/peers
  done
  rm -rf "$tmp"
}

have docker-registry || fetch docker-registry
have nginx || fetch nginx nginx-core libpcre2-8-0
have wrk || fetch wrk libluajit-5.1-2
for program in docker-registry nginx wrk; do
  have "$program" || say "$program is not here: its rows are skipped"
done
exit 0
