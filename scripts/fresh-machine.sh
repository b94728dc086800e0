#!/usr/bin/env bash
# Tries the README's two commands on a machine that has Go and nothing else: a Debian made by debootstrap,
# an empty clone of HEAD, an empty module cache. Needs root and the network; part of make test-full.
# Usage: scripts/fresh-machine.sh [run|test]...      (both without arguments)
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "fresh-machine: skipped, it needs root" >&2; [ "${CI:-}" != true ]; exit; }
command -v debootstrap >/dev/null || apt-get install -q -y --no-install-recommends debootstrap >/dev/null
[ $# -gt 0 ] || set -- run test

root=$(mktemp -d "${TMPDIR:-/var/tmp}/fresh-XXXXXX")
chmod 755 "$root" # it becomes /
cleanup() {
  for m in proc dev/pts dev sys; do umount -l "$root/$m" 2>/dev/null || true; done
  rm -rf --one-file-system "$root"
}
trap cleanup EXIT

echo "== debootstrap" >&2
# What Go itself and a clone need: git, make, certificates (and ip, for a run without network). No compiler, no Postgres.
debootstrap --variant=minbase --include=ca-certificates,curl,git,iproute2,make bookworm "$root" >/dev/null
for m in proc sys dev dev/pts; do mount --bind "/$m" "$root/$m"; done
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
cp -L /etc/hosts "$root/etc/hosts"
cat "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" > "$root/etc/ssl/certs/ca-certificates.crt" # trust what this machine trusts
cp -a "$(go env GOROOT)" "$root/usr/local/go"
chroot "$root" useradd --create-home visitor
git clone -q --no-hardlinks . "$root/home/visitor/registry"
[ -d "${PACKS_DIR:-}" ] && { mkdir -p "$root/home/visitor/shared"; cp -r "$PACKS_DIR" "$root/home/visitor/shared/packs"; }
chroot "$root" chown -R visitor: /home/visitor

# as USER COMMAND: a login with nothing of this machine's environment. With network='unshare --net' there is only the loopback.
as() {
  local user=$1 home=/home/visitor
  [ "$user" = root ] && home=/root
  ${network:-} chroot "$root" env -i HOME="$home" USER="$user" LANG=C.UTF-8 PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    GOPROXY="$(go env GOPROXY)" GOSUMDB="$(go env GOSUMDB)" \
    bash -euo pipefail -c 'ip link set lo up; exec setpriv --reuid="$0" --regid="$0" --init-groups bash -euo pipefail -c "$1"' \
    "$user" "cd /home/visitor/registry; $2"
}

run() {
  echo "== make run, as a plain user" >&2
  as visitor '
    REGISTRY_HTTP_ADDR=127.0.0.1:5900 make run > ~/out 2> ~/err &
    for i in $(seq 600); do curl -fs http://127.0.0.1:5900/ready >/dev/null && break; kill -0 %1 || break; sleep 0.5; done
    cat ~/err ~/out
    grep "^  curl" ~/out > ~/lines
    [ "$(wc -l < ~/lines)" = 3 ]
    bash -euo pipefail ~/lines; echo
    kill %1; wait || true'
}

test() {
  echo "== make test, as root: it installs what is missing" >&2
  as root 'git config --global --add safe.directory /home/visitor/registry; CI=true make test'
  echo "== make test again, as a plain user and without network" >&2
  as root 'cp -a /root/go /root/.cache /home/visitor/; chown -R visitor: /home/visitor'
  network='unshare --net' as visitor 'CI=true make test TESTFLAGS="-short -count=1"'
}

for part in "$@"; do "$part"; done
echo "fresh-machine: passed" >&2
