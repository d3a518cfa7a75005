#!/usr/bin/env bash
# Makes sure that a Chromium is on this machine, for the browser tests of e2e/.
#
# On Debian, as root, it installs Debian's own package and the fonts that a page needs to look like
# one. Anywhere else, install Chromium or Chrome as usual; the tests find it by its name.
set -euo pipefail

say() { printf 'browser: %s\n' "$*"; }
die() { printf 'browser: %s\n' "$*" >&2; exit 1; }

for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" >/dev/null; then
        say "nothing to do: $(command -v "$name") is here"
        exit 0
    fi
done
[ -r /etc/os-release ] && . /etc/os-release
[ "${ID:-}" = debian ] || die "no browser found, and it is installed for you on Debian only"
[ "$(id -u)" -eq 0 ] || die "needs root to install chromium"

say "installing chromium and fonts from Debian"
apt-get update -qq || say "apt-get update failed, going on with the lists that are here"
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    chromium fonts-dejavu-core fonts-liberation >/dev/null
say "ready: $(chromium --version 2>/dev/null)"
