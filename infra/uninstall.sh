#!/bin/sh
# Remove what infra/install.sh installed. Data and configuration stay, unless --purge says otherwise.
set -eu

usage() {
    cat <<'TEXT'
Usage: infra/uninstall.sh [--purge [--yes]]

Stops Atum Desk and removes its program and units. The configuration in /etc/atum-desk, the data in
/var/lib/atum-desk and the account atum-desk stay, and the next installation takes them up again.

  --purge      also remove the configuration, the data, the account and, with the data, an embedded PostgreSQL
  --yes        do not ask
  -h, --help   show this

A database on a server of your own is never touched.
TEXT
}

fail() {
    printf 'infra/uninstall.sh: %s\n' "$*" >&2
    exit "${status:-1}"
}

purge='' yes=''
for argument in "$@"; do
    case $argument in
        --purge) purge=yes ;;
        --yes) yes=yes ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done
[ "$(id -u)" = 0 ] || fail "only root can uninstall; use sudo."
if dpkg-query -W -f='${Status}' atum-desk 2>/dev/null | grep -q ' installed$'; then
    fail "the package atum-desk is installed; remove it with: apt-get remove atum-desk"
fi

if [ -n "$purge" ] && [ -z "$yes" ]; then
    if [ ! -t 0 ]; then
        status=2
        fail "--purge removes all data in /var/lib/atum-desk; add --yes to mean it."
    fi
    printf 'Remove all data in /var/lib/atum-desk and the configuration in /etc/atum-desk? Type yes: '
    read -r answer
    [ "$answer" = yes ] || fail "nothing was removed."
fi

running=''
if [ -d /run/systemd/system ] && systemctl show --property=Version >/dev/null 2>&1; then
    running=yes
fi
units=$(find /usr/local/lib/systemd/system -maxdepth 1 -name 'atum-desk*' 2>/dev/null | sed 's,.*/,,')
instances=$(find /etc/systemd/system/atum-desk.target.wants -name 'atum-desk-job-worker@*' 2>/dev/null | sed 's,.*/,,')
if [ -n "$running" ] && [ -n "$units" ]; then
    # Waits until the workers have ended what they had in hand; the database goes last.
    systemctl stop atum-desk.target 'atum-desk-api.*' 'atum-desk-*worker*' 'atum-desk-sla-tick.*' 'atum-desk-models*'
    systemctl stop 'atum-desk*'
fi
for unit in $units $instances; do
    case $unit in *@.service) continue ;; esac
    systemctl --quiet disable "$unit" 2>/dev/null || true
done
rm -f /usr/local/lib/systemd/system/atum-desk* /usr/local/lib/sysusers.d/atum-desk.conf \
    /usr/local/lib/tmpfiles.d/atum-desk.conf /usr/bin/atum-desk
rm -rf /opt/atum-desk /etc/systemd/system/atum-desk.target.wants
if [ -n "$running" ]; then
    systemctl daemon-reload
    systemctl reset-failed 'atum-desk*' 2>/dev/null || true
fi

if [ -z "$purge" ]; then
    echo "Atum Desk is removed; its configuration is still in /etc/atum-desk and its data in /var/lib/atum-desk."
    exit 0
fi
rm -rf /etc/atum-desk /var/lib/atum-desk /var/cache/atum-desk /etc/systemd/journald.conf.d/atum-desk.conf
rm -rf /etc/systemd/system/atum-desk*.d
if getent passwd atum-desk >/dev/null; then
    userdel atum-desk
fi
if getent group atum-desk >/dev/null; then
    groupdel atum-desk
fi
echo "Atum Desk is removed with its configuration and its data."
