#!/usr/bin/env bash
# Makes sure that PostgreSQL 15 and its clients are on this machine, and starts nothing.
#
# The tests use psql and pgbench as real clients, and the server as the one to compare with. Debian's
# package would also make a cluster and start it with the machine; a setting forbids it.
set -euo pipefail

BIN=/usr/lib/postgresql/15/bin

say() { printf 'postgres: %s\n' "$*"; }
die() { printf 'postgres: %s\n' "$*" >&2; exit 1; }

if [ -x $BIN/postgres ] && command -v psql >/dev/null; then
    say "nothing to do: $($BIN/postgres --version) is here"
    exit 0
fi
[ -r /etc/os-release ] && . /etc/os-release
[ "${ID:-}" = debian ] || die "no PostgreSQL 15 found, and it is installed for you on Debian only"
[ "$(id -u)" -eq 0 ] || die "needs root to install postgresql-15"

say "installing postgresql-15 from Debian"
apt-get update -qq || say "apt-get update failed, going on with the lists that are here"
mkdir -p /etc/postgresql-common/createcluster.d
echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/no-cluster.conf
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql-15 >/dev/null
say "ready: $($BIN/postgres --version)"
