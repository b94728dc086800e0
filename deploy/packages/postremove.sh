#!/bin/sh
# After a removal. Packs, accounts and keys are nobody's to throw away: they stay, also with a purge.
set -e
[ ! -d /run/systemd/system ] || systemctl daemon-reload
case "$1" in
  purge | 0)
    rm -f /etc/issue.d/pack-registry.issue
    [ ! -e /var/lib/pack-registry ] || echo "pack-registry: /var/lib/pack-registry and /etc/pack-registry are left for you to remove"
    ;;
esac
