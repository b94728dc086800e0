#!/bin/sh
# Before a removal, not before an upgrade. dpkg says remove, rpm 0.
set -e
case "$1" in remove | 0) ;; *) exit 0 ;; esac
units="pack-registry.service pack-registry-init.service pack-registry-renew.timer pack-registry-backup.timer"
if [ -d /run/systemd/system ]; then
  # shellcheck disable=SC2086
  systemctl stop $units 2>/dev/null || true
fi
# shellcheck disable=SC2086
systemctl disable $units >/dev/null 2>&1 || true
