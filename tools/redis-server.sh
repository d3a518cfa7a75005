#!/usr/bin/env bash
# Makes sure that redis-cli, redis-benchmark and redis-server are on this machine, and starts nothing.
#
# The tests use them as the real client and as the real server to compare with. Debian keeps all of
# Redis in redis-tools: the server is the same program as redis-check-rdb, told apart by its name.
# The package redis-server adds that link together with a system service, which nobody wants here.
set -euo pipefail

say() { printf 'redis-server: %s\n' "$*"; }
die() { printf 'redis-server: %s\n' "$*" >&2; exit 1; }

if command -v redis-server >/dev/null && command -v redis-cli >/dev/null; then
    say "nothing to do: $(redis-server --version | cut -d ' ' -f 1-3) is here"
    exit 0
fi
[ -r /etc/os-release ] && . /etc/os-release
[ "${ID:-}" = debian ] || die "no redis-server found, and it is installed for you on Debian only"
[ "$(id -u)" -eq 0 ] || die "needs root to install redis-tools"

say "installing redis-tools from Debian"
apt-get update -qq || say "apt-get update failed, going on with the lists that are here"
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-tools >/dev/null
command -v redis-server >/dev/null || ln -s "$(command -v redis-check-rdb)" /usr/local/bin/redis-server
say "ready: $(redis-server --version | cut -d ' ' -f 1-3)"
