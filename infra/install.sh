#!/bin/sh
# Install or upgrade Atum Desk on Debian or Ubuntu. Run it again at any time: what is done already is left alone.
set -eu
umask 022

usage() {
    cat <<'TEXT'
Usage: infra/install.sh [OPTION]...

Installs Atum Desk from this source tree as services of systemd, or upgrades what is installed. The configuration in
/etc/atum-desk and the data in /var/lib/atum-desk are kept. An upgrade that fails leaves the old version running.

  --from DIR         the source tree to install, by default the one this script lies in
  --wheels DIR       take every package from this folder and nothing from the network
  --download DIR     fill such a folder, then end; needs the network and no root
  --with-postgres    also run the embedded PostgreSQL, for a machine without a database server
  --with-models      also run the embedded models, for a machine without an Ollama server
  --with-tracing     also install what traces over OTLP need
  --job-workers N    how many job workers run, 1 to 9; by default as many as before, or 1
  --journald         also install the limits of the journal, which are those of the whole machine
  --no-start         install and enable, but neither start, restart nor migrate
  -h, --help         show this
TEXT
}

say() {
    printf 'atum-desk: %s\n' "$*"
}

fail() {
    printf 'infra/install.sh: %s\n' "$*" >&2
    exit 1
}

wrong() {
    printf 'infra/install.sh: %s\n' "$*" >&2
    usage >&2
    exit 2
}

home=/opt/atum-desk
etc=/etc/atum-desk
state=/var/lib/atum-desk
# Below what an administrator writes to /etc, so that a drop-in there always wins.
lib=/usr/local/lib
python=/usr/bin/python3
from=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
wheels='' download='' postgres='' models='' tracing='' job_workers='' journald='' start=yes

read_options() {
    while [ $# -gt 0 ]; do
        case $1 in
            --from | --wheels | --download | --job-workers)
                [ $# -gt 1 ] || wrong "$1 needs a value."
                case $1 in
                    --from) from=$2 ;;
                    --wheels) wheels=$2 ;;
                    --download) download=$2 ;;
                    --job-workers) job_workers=$2 ;;
                esac
                shift
                ;;
            --with-postgres) postgres=yes ;;
            --with-models) models=yes ;;
            --with-tracing) tracing=yes ;;
            --journald) journald=yes ;;
            --no-start) start='' ;;
            -h | --help) usage; exit 0 ;;
            *) wrong "there is no option $1." ;;
        esac
        shift
    done
    case $job_workers in
        '' | [1-9]) ;;
        *) wrong "--job-workers takes a number from 1 to 9, not $job_workers." ;;
    esac
    [ -f "$from/pyproject.toml" ] && [ -f "$from/requirements.lock" ] ||
        fail "$from is no source tree of Atum Desk; name one with --from."
    from=$(CDPATH='' cd -- "$from" && pwd -P)
    if [ -n "$wheels" ]; then
        wheels=$(CDPATH='' cd -- "$wheels" 2>/dev/null && pwd -P) || fail "there is no folder $wheels."
    fi
    # Whoever installed them once keeps them.
    [ ! -e "$home/current/tracing" ] || tracing=yes
    lock=$from/requirements${tracing:+-tracing}.lock
}

# -- What the machine must have ---------------------------------------------------------------------------------------

check_python() {
    [ -x "$python" ] || fail "there is no $python; install it with: apt-get install python3 python3-venv"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "Atum Desk needs Python 3.11 or newer, and $python is $("$python" -V); Debian 12 and Ubuntu 24.04 have one."
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python has no venv module; install it with: apt-get install python3-venv"
}

check_machine() {
    [ "$(id -u)" = 0 ] || fail "only root can install; use sudo."
    [ -f /etc/debian_version ] || fail "this is neither Debian nor Ubuntu; infra/Containerfile runs everywhere."
    for program in systemctl systemd-sysusers systemd-tmpfiles flock; do
        command -v "$program" >/dev/null ||
            fail "$program is missing; install it with: apt-get install systemd util-linux"
    done
    if dpkg-query -W -f='${Status}' atum-desk 2>/dev/null | grep -q ' installed$'; then
        fail "the package atum-desk is installed; upgrade it with dpkg, or remove it first: apt-get remove atum-desk"
    fi
    check_python
    if [ -z "$(find /usr/lib /lib -name 'libgomp.so.1' 2>/dev/null | head -n 1)" ]; then
        fail "the library libgomp1 is missing, which the classifiers need; install it with: apt-get install libgomp1"
    fi
}

running_systemd() {
    [ -d /run/systemd/system ] && systemctl show --property=Version >/dev/null 2>&1
}

# -- The program ------------------------------------------------------------------------------------------------------

pip() {
    interpreter=$1
    shift
    set -- "$@" ${wheels:+--no-index "--find-links=$wheels"}
    "$interpreter" -m pip --disable-pip-version-check --no-input "$@" >>"$log" 2>&1 || {
        grep -i error "$log" | tail -n 5 >&2 || true
        fail "pip could not do it; all it said is in $log."
    }
}

# One folder for each lock file and Python, complete or not at all; releases with the same lock share it.
install_packages() {
    key=$({ cat "$lock"; "$python" -VV; uname -m; } | sha256sum | cut -c 1-12)
    packages=$home/packages/$key
    [ ! -f "$packages/complete" ] || return 0
    say "installing $(grep -c '==' "$lock") packages of ${lock##*/} into $packages ..."
    rm -rf "$packages"
    "$python" -m venv "$packages"
    pip "$packages/bin/python" install --no-compile --require-hashes --no-deps -r "$lock"
    # Services cannot write there, so what is not compiled now is compiled anew at each of their starts.
    "$packages/bin/python" -m compileall -q -j 0 "$packages/lib" >>"$log" 2>&1 || true
    touch "$packages/complete"
}

build_wheel() {
    target=$1
    builder=$2
    ready=$(find "${wheels:-/nonexistent}" -name 'atum_desk-*.whl' 2>/dev/null | head -n 1)
    if [ -n "$ready" ] && ! find "$wheels" -name 'uv_build-*' | grep -q .; then
        cp "$ready" "$target"
    else
        pip "$builder" wheel --no-deps -w "$target" "$from"
    fi
}

# The product and the packages of its lock file, as one environment with its own path.
install_release() {
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    build_wheel "$scratch" "$packages/bin/python"
    wheel=$(find "$scratch" -name 'atum_desk-*.whl')
    version=$(basename "$wheel" | cut -d - -f 2)
    # With other packages it is another release: the one that runs is never taken apart.
    release=$home/releases/$version-$({ cat "$wheel" "$lock"; echo "$packages"; } | sha256sum | cut -c 1-12)
    if [ ! -f "$release/complete" ]; then
        say "installing Atum Desk $version into $release ..."
        rm -rf "$release"
        mkdir -p "$release"
        "$python" -m venv --without-pip "$release/venv"
        site=$("$release/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
        # A process that was started by way of a link to this release stays with it, wherever the link leads later.
        cat >"$site/atum-desk-packages.pth" <<TEXT
import os, sys; sys.path[:] = [os.path.realpath(folder) for folder in sys.path]
$("$packages/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
TEXT
        pip "$packages/bin/python" --python "$release/venv/bin/python" install --no-deps --no-index "$wheel"
        "$release/venv/bin/python" -I -c 'import api.__main__, helpdesk.cli.main, workers.__main__' 2>>"$log" ||
            fail "what was installed into $release cannot be loaded; the reason is in $log."
        ln -s "$packages" "$release/packages"
        [ -z "$tracing" ] || touch "$release/tracing"
        touch "$release/complete"
    fi
    # Not part of the wheel, so a release can differ in them alone.
    rm -rf "$release/infra"
    cp -R "$from/infra" "$release/infra"
    rm -rf "$scratch"
}

# -- Accounts, configuration, units -----------------------------------------------------------------------------------

# Words: the release whose files are to be used.
install_files() {
    mkdir -p "$lib/systemd/system" "$lib/sysusers.d" "$lib/tmpfiles.d"
    rm -f "$lib"/systemd/system/atum-desk*
    find "$1/infra/systemd" -maxdepth 1 -name 'atum-desk*' -type f -exec install -m 0644 {} "$lib/systemd/system" \;
    install -m 0644 "$1"/infra/systemd/sysusers.d/*.conf "$lib/sysusers.d"
    install -m 0644 "$1"/infra/systemd/tmpfiles.d/*.conf "$lib/tmpfiles.d"
    cat >/usr/bin/atum-desk.new <<'TEXT'
#!/bin/sh
# The command line with the account and the settings of the services.
exec /opt/atum-desk/venv/bin/python -I -m helpdesk.cli.installed "$@"
TEXT
    chmod 0755 /usr/bin/atum-desk.new
    mv -f /usr/bin/atum-desk.new /usr/bin/atum-desk
    if [ -n "$journald" ]; then
        mkdir -p /etc/systemd/journald.conf.d
        install -m 0644 "$1"/infra/systemd/journald.conf.d/*.conf /etc/systemd/journald.conf.d
        ! running_systemd || systemctl restart systemd-journald
    fi
}

# A setting that the options imply, unless it has been made.
set_default() {
    grep -q "^$1=" "$etc/atum-desk.env" || printf '\n%s=%s\n' "$1" "$2" >>"$etc/atum-desk.env"
}

configure() {
    systemd-sysusers "$release"/infra/systemd/sysusers.d/*.conf
    mkdir -p "$etc"
    [ -f "$etc/atum-desk.env" ] || install -m 0640 "$release/infra/env.example" "$etc/atum-desk.env"
    if [ -n "$postgres" ] && ! configured; then
        set_default ATUM_DATABASE_URL "postgresql://atum@/atum?host=$state/postgres/sock"
    fi
    if [ -n "$models" ] && ! grep -q '^ATUM_OLLAMA_HOST=' "$etc/atum-desk.env"; then
        set_default ATUM_OLLAMA_HOST http://127.0.0.1:11435
        # The unit serves none unless a drop-in says so; a model that is named and not there would be missed.
        set_default ATUM_TEXT_MODEL none
    fi
    systemd-tmpfiles --create "$release"/infra/systemd/tmpfiles.d/*.conf
    install -d -m 0750 -o atum-desk -g atum-desk "$state"
}

configured() {
    [ -s "$etc/credentials/database_url" ] || grep -Eq '^(ATUM_)?DATABASE_URL=.' "$etc/atum-desk.env"
}

# Words: the units of every installation. What an administrator has switched off since it was installed stays off, as on
# hosts that run some of them alone.
not_switched_off() {
    for unit in "$@"; do
        case $known_units in
            *" $unit "*) [ "$(systemctl is-enabled "$unit" 2>/dev/null)" != disabled ] || continue ;;
        esac
        printf '%s\n' "$unit"
    done
}

# Words: units. To enable one that is masked would be an error.
not_masked() {
    for unit in "$@"; do
        case $(systemctl is-enabled "$unit" 2>/dev/null) in masked*) continue ;; esac
        printf '%s\n' "$unit"
    done
}

enable_units() {
    # shellcheck disable=SC2046  # names of units
    set -- $(not_switched_off atum-desk-migrate.service atum-desk-api.socket atum-desk-api.service \
        atum-desk-job-worker.service atum-desk-rag-worker.service)
    # Without a database a boot would only start what cannot run.
    ! configured || set -- "$@" atum-desk.target
    # shellcheck disable=SC2046
    [ -L /etc/systemd/system/atum-desk.target.wants/atum-desk-sla-tick.timer ] ||
        set -- "$@" $(not_switched_off atum-desk-sla-worker.service)
    [ -z "$postgres" ] || set -- "$@" atum-desk-postgres.service
    [ -z "$models" ] || set -- "$@" atum-desk-models.service
    if [ -n "$job_workers" ]; then
        number=2
        while [ "$number" -le 9 ]; do
            if [ "$number" -le "$job_workers" ]; then
                set -- "$@" "atum-desk-job-worker@$number.service"
            elif running_systemd && [ -n "$start" ]; then
                systemctl --quiet disable --now "atum-desk-job-worker@$number.service"
            else
                systemctl --quiet disable "atum-desk-job-worker@$number.service"
            fi
            number=$((number + 1))
        done
    fi
    # shellcheck disable=SC2046
    set -- $(not_masked "$@")
    [ $# = 0 ] || systemctl --quiet enable "$@"
}

# -- The change of versions -------------------------------------------------------------------------------------------

# One rename: at every moment one version is the current one. Words: the release.
switch_to() {
    ln -sfn "releases/${1##*/}" "$home/current.new"
    mv -Tf "$home/current.new" "$home/current"
    [ -L "$home/venv" ] || ln -s current/venv "$home/venv"
    [ -L "$home/infra" ] || ln -s current/infra "$home/infra"
}

put_in_place() {
    switch_to "$release"
    install_files "$release"
    enable_units
}

services() {
    systemctl list-units --plain --no-legend --state=active,activating,reloading,failed 'atum-desk-*.service' |
        cut -d ' ' -f 1 | grep -v -e migrate -e postgres -e sla-tick || true
}

# What a running service has taken in at its start.
taken_in() {
    cat "$lib"/systemd/system/atum-desk* "$etc/atum-desk.env" 2>/dev/null | cksum
}

restart() {
    systemctl daemon-reload
    if systemctl --quiet is-active atum-desk-postgres.service && [ "$old_packages" != "$packages" ]; then
        say "restarting the embedded PostgreSQL ..."
        systemctl restart atum-desk-postgres.service
    fi
    # shellcheck disable=SC2046  # names of units
    set -- $(services)
    [ $# = 0 ] || systemctl reset-failed "$@"
    [ $# = 0 ] || systemctl restart "$@"
    systemctl start atum-desk.target
}

start_rest() {
    systemctl daemon-reload
    systemctl start atum-desk.target
}

# The database first, while the old version still runs: its schema serves both.
migrate() {
    if [ -n "$postgres" ] && ! systemctl --quiet is-active atum-desk-postgres.service; then
        systemctl start atum-desk-postgres.service
    fi
    "$release/venv/bin/python" -I -m helpdesk.cli.installed migrate
}

healthy() {
    systemctl --quiet is-active atum-desk-api.socket || return 0
    "$home/venv/bin/python" -I - "$(systemctl show --property=Listen --value atum-desk-api.socket)" <<'TEXT'
import sys, urllib.request
address = sys.argv[1].split()[0]
if address.startswith("/"):
    sys.exit(0)  # a proxy's own socket
host, _, port = address.rpartition(":")
host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
print(urllib.request.urlopen(f"http://{host}:{port}/api/v1/ready", timeout=30).read().decode())
TEXT
}

# Every unit that is enabled must be active, and the API must answer.
verify() {
    bad=''
    for unit in $(systemctl list-unit-files --no-legend --state=enabled 'atum-desk*' | cut -d ' ' -f 1) $(services); do
        case $unit in *@.service) continue ;; esac
        state_of=$(systemctl is-active "$unit" || true)
        [ "$state_of" = active ] || bad="$bad $unit ($state_of)"
    done
    [ -n "$bad" ] || healthy >/dev/null 2>&1 || bad=" the API does not answer"
    [ -z "$bad" ]
}

start_or_upgrade() {
    if [ -n "$previous" ]; then
        say "migrating the database with the new version; the old one goes on meanwhile ..."
        migrate || fail "the database could not be migrated, so ${previous##*/} goes on; the reason is above."
    fi
    put_in_place
    if [ "$previous" = "$release" ] && [ "$taken_in" = "$(taken_in)" ]; then
        say "starting what does not run ..."
        change=start_rest
    else
        say "starting ..."
        change=restart
    fi
    if "$change" && verify; then
        systemctl --no-pager --no-legend list-units 'atum-desk*'
        say "version $version is up."
        return 0
    fi
    journalctl --no-pager -n 20 -u 'atum-desk*' -p warning >&2 || true
    if [ -z "$previous" ] || [ "$previous" = "$release" ]; then
        fail "installed, but not all is up:$bad. Look at: journalctl -u 'atum-desk*'"
    fi
    switch_to "$previous"
    install_files "$previous"
    # Back from the new packages to the old ones, for the embedded PostgreSQL too.
    failed_packages=$packages
    packages=$old_packages
    old_packages=$failed_packages
    restart || true
    fail "version $version did not come up:$bad. ${previous##*/} runs again."
}

# The release before this one stays, to go back to; whatever no release uses goes.
prune() {
    [ "$previous" != "$release" ] || return 0
    for folder in "$home"/releases/*; do
        [ "$folder" = "$release" ] || [ "$folder" = "$previous" ] || rm -rf "$folder"
    done
    for folder in "$home"/packages/*; do
        for kept in "$home"/releases/*/packages; do
            [ "$(readlink "$kept")" != "$folder" ] || continue 2
        done
        rm -rf "$folder"
    done
}

next_steps() {
    if ! configured; then
        cat <<TEXT

Next:
  1. Prepare a PostgreSQL with $home/infra/postgres/prepare.sql, and name it:
         echo 'postgresql://atum:PASSWORD@HOST/atum' >$etc/credentials/database_url
     or run this again with --with-postgres for the embedded one.
  2. systemctl enable --now atum-desk.target
TEXT
    fi
    [ -n "$previous" ] || cat <<TEXT

The first organisation and its administrator:
         atum-desk init --organization 'My desk' --admin me@example.org
Settings are in $etc/atum-desk.env; after a change: systemctl restart atum-desk.target
The log: journalctl -u 'atum-desk*'
TEXT
}

download_packages() {
    scratch=$(mktemp -d)
    log=$scratch/log
    trap 'rm -rf "$scratch"' EXIT
    mkdir -p "$download"
    download=$(CDPATH='' cd -- "$download" && pwd -P)
    log=$download/download.log
    : >"$log"
    "$python" -m venv "$scratch/venv"
    say "fetching $(grep -c '==' "$lock") packages of ${lock##*/} into $download ..."
    pip "$scratch/venv/bin/python" download --require-hashes --no-deps -d "$download" -r "$lock"
    backend=$("$python" -c 'import sys, tomllib
print(*tomllib.load(open(sys.argv[1], "rb"))["build-system"]["requires"])' "$from/pyproject.toml")
    pip "$scratch/venv/bin/python" download --no-deps -d "$download" "$backend"
    rm -f "$log"
    say "use them on the same kind of machine: infra/install.sh --wheels $download"
}

read_options "$@"
if [ -n "$download" ]; then
    check_python
    download_packages
    exit 0
fi
check_machine
mkdir -p "$home/packages" "$home/releases"
exec 9>"$home/.lock"
flock -n 9 || fail "another installation is under way."
log=$home/install.log
: >"$log"
# By this name, also where /opt is a link to another disk.
previous=$home/releases/$(basename "$(readlink "$home/current" 2>/dev/null || echo none)")
[ -d "$previous/venv" ] || previous=''
old_packages=$(readlink "$previous/packages" 2>/dev/null || true)
# An installation that was cut off before it enabled anything has switched nothing off.
known_units=' '
[ -z "$previous" ] || [ ! -d /etc/systemd/system/atum-desk.target.wants ] ||
    known_units=" $(find "$lib/systemd/system" -name 'atum-desk*' -printf '%f ')"
taken_in=$(taken_in)
install_packages
install_release
configure
if [ -n "$start" ] && running_systemd && configured; then
    start_or_upgrade
else
    put_in_place
    ! running_systemd || systemctl daemon-reload
    say "version $version is installed; nothing was started."
fi
prune
next_steps
