#!/usr/bin/env bash
# Makes sure that memcached is on this machine, and starts nothing.
#
# A test compares kvdb's second port with it, and is skipped where it is missing. Debian's package
# brings a system service that would take the port 11211, which the constellation publishes: it is
# kept from starting, and not enabled.
set -euo pipefail

say() { printf 'memcached: %s\n' "$*"; }
die() { printf 'memcached: %s\n' "$*" >&2; exit 1; }

if command -v memcached >/dev/null; then
    say "nothing to do: $(memcached -V) is here"
    exit 0
fi
[ -r /etc/os-release ] && . /etc/os-release
[ "${ID:-}" = debian ] || die "not found, and it is installed for you on Debian only"
[ "$(id -u)" -eq 0 ] || die "needs root to install memcached"

say "installing memcached from Debian"
POLICY=/usr/sbin/policy-rc.d
if [ ! -e "$POLICY" ]; then
    trap 'rm -f "$POLICY"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$POLICY"
    chmod +x "$POLICY"
fi
apt-get update -qq || say "apt-get update failed, going on with the lists that are here"
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends memcached >/dev/null
if command -v systemctl >/dev/null; then systemctl disable memcached >/dev/null 2>&1 || true; fi
say "ready: $(memcached -V)"
