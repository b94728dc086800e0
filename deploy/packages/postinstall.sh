#!/bin/sh
# After an installation or an upgrade. dpkg says configure, rpm the number of versions that are installed now.
set -e
case "$1" in configure | 1 | 2) ;; *) exit 0 ;; esac
systemd-sysusers pack-registry.conf
systemd-tmpfiles --create pack-registry.conf
# Enabled, the server starts once there is a configuration; the rest waits for the one that set the machine up.
if [ "$1" = 1 ] || { [ "$1" = configure ] && [ -z "$2" ]; }; then
  systemctl enable pack-registry.service pack-registry-renew.timer >/dev/null 2>&1 || true
fi
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
systemctl start pack-registry-renew.timer || true
# A server that runs drains, and goes on as the new version.
systemctl try-restart pack-registry.service
if [ -e /etc/pack-registry/config.yml ]; then
  systemctl start pack-registry.service
else
  echo "pack-registry: set it up with: registry appliance init"
fi
