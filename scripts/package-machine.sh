#!/usr/bin/env bash
# Installs the Debian package in a machine made by debootstrap, sets it up, and looks whether it serves: under its own systemd where
# systemd-nspawn can boot one here, else in a chroot with the program's own start. Needs root and apt's mirror; part of make test-full.
# Usage: scripts/package-machine.sh [boot|chroot]      (without an argument: boot, and chroot where nothing boots)
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "package-machine: skipped, it needs root" >&2; [ "${CI:-}" != true ]; exit; }
way=${1:-auto}
install=()
command -v debootstrap >/dev/null || install+=(debootstrap)
command -v systemd-nspawn >/dev/null || install+=(systemd-container)
[ ${#install[@]} = 0 ] || apt-get install -q -y --no-install-recommends "${install[@]}" >/dev/null

arch=$(dpkg --print-architecture)
make --no-print-directory packages ARCH="$arch"
deb=$(ls dist/pack-registry_*_"$arch".deb)

# The mirror and the release that this machine itself installs from.
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' | awk -v r="$release" '$2 == r && $3 == "main" {print $1; exit}')
[ -n "$mirror" ] || { echo "package-machine: apt names no mirror of Debian $release" >&2; exit 1; }

root=$(mktemp -d "${TMPDIR:-/var/tmp}/package-XXXXXX")
chmod 755 "$root" # it becomes /
cleanup() {
  [ ! -e "$root/run/pack-registry/registry.pid" ] || kill "$(cat "$root/run/pack-registry/registry.pid")" 2>/dev/null || true
  for m in proc dev/pts dev sys; do umount -l "$root/$m" 2>/dev/null || true; done
  rm -rf --one-file-system "$root"
}
trap cleanup EXIT

echo "== debootstrap" >&2
debootstrap --variant=minbase --include=systemd,systemd-sysv,curl,procps "$release" "$root" "$mirror" >"$root.log" 2>&1 || { tail -n 20 "$root.log" >&2; exit 1; }
rm -f "$root.log"
cp "$deb" "$root/pack-registry.deb"
mkdir -p "$root/packs" "$root/source/bin"
cp "dist/registry-linux-$arch" "$root/source/bin/registry"
cp -R deploy "$root/source/"
tar -C internal/pack/sample -czf "$root/packs/hello-pack-1.0.0.tar.gz" hello-pack
printf 'names: [localhost, 127.0.0.1]\npacks: /packs\n' >"$root/answers.yml"
chmod 600 "$root/answers.yml"

awk '/^      #!\/bin\/sh/ {on = 1} /^runcmd:/ {on = 0} on {sub(/^      /, ""); print}' deploy/cloud-init/user-data >"$root/first-boot.sh"
[ -s "$root/first-boot.sh" ]

# What both ways try.
cat >"$root/common.sh" <<'EOM'
set -euxo pipefail
export LC_ALL=C
# served PASSWORD: a client that trusts the appliance's CA alone finds the pack.
served() {
  curl -fsS --cacert /etc/pack-registry/tls/ca.crt -u "admin:$1" https://localhost/api/v1/packs/hello-pack/versions/latest | grep -q '"version": *"1.0.0"'
}
EOM

cat >"$root/booted.sh" <<'EOM'
. /common.sh
dpkg -i /pack-registry.deb
systemctl is-enabled pack-registry.service pack-registry-renew.timer
! systemctl is-active pack-registry.service
registry appliance init --answers /answers.yml | tee /page
password=$(sed -nE 's/.* password (\S+) \(shown only now.*/\1/p' /page)
served "$password"
[ "$(ps -o user:32= -p "$(systemctl show -P MainPID pack-registry.service)")" = pack-registry ]
[ "$(stat -c '%U %a' /var/lib/pack-registry/registry.db)" = 'pack-registry 600' ]
[ "$(stat -c '%U:%G %a' /etc/pack-registry/config.yml)" = 'root:pack-registry 640' ]
[ "$(stat -c '%U %a' /etc/pack-registry/tls/ca.key)" = 'root 600' ]
grep -q https://localhost /etc/issue.d/pack-registry.issue
registry appliance init --answers /answers.yml | tee /again
[ "$(tail -n 1 /again)" = 'no change' ]

: a crash, and a new certificate
systemctl kill --signal=KILL pack-registry.service
for i in $(seq 100); do served "$password" && break; sleep 0.1; done
served "$password"
registry appliance renew --now
[ "$(stat -c '%U %a' /etc/pack-registry/tls/tls.key)" = 'pack-registry 600' ]
for i in $(seq 100); do registry appliance status && break; sleep 0.1; done
registry appliance status

: the set-up as the image runs it, and an upgrade
cp /answers.yml /etc/pack-registry/answers.yml
systemctl start pack-registry-init.service pack-registry-renew.service
before=$(systemctl show -P MainPID pack-registry.service)
dpkg -i /pack-registry.deb
for i in $(seq 100); do served "$password" && break; sleep 0.1; done
served "$password"
[ "$(systemctl show -P MainPID pack-registry.service)" != "$before" ]

: a backup, everything lost, and restored
systemctl start pack-registry-backup.service
systemctl stop pack-registry.service
find /var/lib/pack-registry -mindepth 1 -delete
runuser -u pack-registry -- registry admin restore -c /etc/pack-registry/config.yml /var/lib/pack-registry-backups
systemctl start pack-registry.service
for i in $(seq 100); do served "$password" && break; sleep 0.1; done
served "$password"
runuser -u pack-registry -- registry admin verify -c /etc/pack-registry/config.yml

: removed, with nothing lost, and back
dpkg -r pack-registry
! served "$password"
[ -e /var/lib/pack-registry/registry.db ]
: by what cloud-init runs
echo "file:///pack-registry.deb $(sha256sum /pack-registry.deb | cut -d' ' -f1)" > /etc/pack-registry/package
sh /first-boot.sh
systemctl is-enabled pack-registry-init.service
for i in $(seq 100); do served "$password" && break; sleep 0.1; done
served "$password"
: by hand, on what a purge has left
dpkg --purge pack-registry
[ -e /var/lib/pack-registry/registry.db ]
cd /source
install -m 0755 bin/registry /usr/local/bin/registry
install -m 0644 deploy/systemd/*.service deploy/systemd/*.timer /etc/systemd/system/
install -D -m 0644 deploy/systemd/sysusers.conf /etc/sysusers.d/pack-registry.conf
install -D -m 0644 deploy/systemd/tmpfiles.conf /etc/tmpfiles.d/pack-registry.conf
systemd-sysusers && systemd-tmpfiles --create pack-registry.conf && systemctl daemon-reload
systemctl start pack-registry
for i in $(seq 100); do served "$password" && break; sleep 0.1; done
served "$password"
! journalctl -u pack-registry -u pack-registry-init | grep -F "$password"
touch /passed
EOM

cat >"$root/chroot.sh" <<'EOM'
. /common.sh
dpkg -i /pack-registry.deb
registry appliance init --answers /answers.yml | tee /page
password=$(sed -nE 's/.* password (\S+) \(shown only now.*/\1/p' /page)
served "$password"
[ "$(ps -o user:32= -p "$(cat /run/pack-registry/registry.pid)")" = pack-registry ]
[ "$(stat -c '%U %a' /var/lib/pack-registry/registry.db)" = 'pack-registry 600' ]
registry appliance init --answers /answers.yml | tee /again
[ "$(tail -n 1 /again)" = 'no change' ]
registry appliance renew --now
for i in $(seq 100); do registry appliance status && break; sleep 0.1; done
registry appliance status
kill "$(cat /run/pack-registry/registry.pid)"
dpkg -r pack-registry
[ -e /var/lib/pack-registry/registry.db ]
touch /passed
EOM

# The machine tries itself at its boot, tells by a file and goes off.
cat >"$root/etc/systemd/system/try.service" <<'EOM'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/bash /booted.sh
StandardOutput=file:/tried.log
StandardError=inherit
ExecStopPost=/bin/sh -c 'journalctl --no-pager -u "pack-registry*" >/journal.log'
ExecStopPost=systemctl poweroff --no-block
TimeoutStartSec=5min
[Install]
WantedBy=default.target
EOM
ln -s /etc/systemd/system/try.service "$root/etc/systemd/system/multi-user.target.wants/try.service"

boot() {
  echo "== boot" >&2
  timeout 600 systemd-nspawn --quiet --boot --register=no --keep-unit --private-network --directory="$root" >"$root/boot.log" 2>&1 </dev/null || true
  [ -e "$root/tried.log" ] # else nothing has booted
}

inside() {
  echo "== chroot" >&2
  for m in proc sys dev dev/pts; do mount --bind "/$m" "$root/$m"; done
  unshare --net bash -c 'ip link set lo up; exec chroot "$0" /bin/bash /chroot.sh' "$root" >"$root/tried.log" 2>&1 || true
}

case "$way" in
  boot) boot || { tail -n 20 "$root/boot.log" >&2; echo "package-machine: nothing boots here" >&2; exit 1; } ;;
  chroot) inside ;;
  auto) boot || { tail -n 5 "$root/boot.log" >&2; inside; } ;;
esac
if [ ! -e "$root/passed" ]; then
  tail -n 40 "$root/tried.log" >&2
  [ ! -e "$root/journal.log" ] || tail -n 30 "$root/journal.log" >&2
  echo "package-machine: failed" >&2
  exit 1
fi
echo "package-machine: passed" >&2
