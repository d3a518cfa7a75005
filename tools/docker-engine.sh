#!/usr/bin/env bash
# Makes `docker info` and `docker compose version` answer on a Debian machine, as root.
#
# It does nothing where they already answer, so it is safe to run again. On Debian 12 the engine is
# Debian's own docker.io; Compose v2 and buildx are too old there, and come as two single packages
# from the next release, which need nothing but the C library. That release is never added to the
# machine's sources: its index is read into a temporary directory, the two packages are downloaded
# from it, and apt resolves whatever else they need from the machine's own release.
set -euo pipefail

ENGINE_LOG=/var/log/dockerd.log
ENGINE_PIDFILE=/var/run/docker.pid
START_TIMEOUT_S=60

say() { printf 'docker-engine: %s\n' "$*"; }
die() { printf 'docker-engine: %s\n' "$*" >&2; exit 1; }

engine_answers() { timeout 10 docker info >/dev/null 2>&1; }
compose_answers() { docker compose version --short 2>/dev/null | grep -q '^v\?[2-9]'; }
# A pid file alone proves nothing: the process may be gone, and its number someone else's.
engine_runs() {
    [ -s "$ENGINE_PIDFILE" ] && [ "$(cat "/proc/$(cat "$ENGINE_PIDFILE")/comm" 2>/dev/null)" = dockerd ]
}
install_packages() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# Debian's own mirror as this machine's apt knows it.
debian_mirror() {
    apt-get indextargets --format '$(REPO_URI)' \
        'Origin: Debian' "Codename: $VERSION_CODENAME" 'Component: main' | head -n 1
}

# download_from RELEASE DIRECTORY PACKAGE...: the packages, without touching the machine's sources.
download_from() {
    local release=$1 directory=$2
    shift 2
    local mirror
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || die "apt knows no Debian mirror (run apt-get update, or look at its sources)"
    mkdir -p "$directory/lists/partial" "$directory/archives"
    printf 'deb %s %s main\n' "$mirror" "$release" >"$directory/sources.list"
    local options=(
        -o "Dir::Etc::SourceList=$directory/sources.list"
        -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$directory/lists"
        -o "Dir::Cache=$directory"
        -o APT::Sandbox::User=root
    )
    apt-get "${options[@]}" update -qq
    (cd "$directory/archives" && apt-get "${options[@]}" download -qq "$@")
}

install_engine() {
    say "installing docker.io from Debian $VERSION_CODENAME"
    install_packages docker.io iptables ca-certificates
    command -v docker >/dev/null || install_packages docker-cli
}

install_compose() {
    if [ "$VERSION_CODENAME" != bookworm ]; then
        say "installing docker-compose and docker-buildx from Debian $VERSION_CODENAME"
        install_packages docker-compose docker-buildx
        return
    fi
    say "installing docker-compose and docker-buildx, these two alone, from Debian trixie"
    download_from trixie "$WORKSPACE" docker-compose docker-buildx
    install_packages "$WORKSPACE"/archives/*.deb
}

start_engine() {
    if [ -d /run/systemd/system ]; then
        say "starting the engine through systemd"
        systemctl start docker
    elif ! engine_runs; then
        say "starting dockerd in the background, its log is $ENGINE_LOG"
        rm -f "$ENGINE_PIDFILE"
        setsid --fork dockerd >>"$ENGINE_LOG" 2>&1 </dev/null
    fi
    local deadline=$((SECONDS + START_TIMEOUT_S))
    until engine_answers; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            tail -n 20 "$ENGINE_LOG" >&2 2>/dev/null || true
            die "the engine did not answer within $START_TIMEOUT_S s"
        fi
        sleep 0.5
    done
}

if engine_answers && compose_answers; then
    say "nothing to do: engine $(docker version --format '{{.Server.Version}}')," \
        "Compose $(docker compose version --short)"
    exit 0
fi
[ "$(id -u)" -eq 0 ] || die "needs root to install and start an engine"
[ -r /etc/os-release ] || die "this is no Debian: install Docker as its own manual says"
. /etc/os-release
[ "${ID:-}" = debian ] || die "this is ${ID:-unknown}, no Debian: install Docker as its own manual says"

WORKSPACE=$(mktemp -d)
trap 'rm -rf "$WORKSPACE"' EXIT
apt-get update -qq || say "apt-get update failed, going on with the lists that are here"
{ command -v dockerd && command -v docker; } >/dev/null || install_engine
compose_answers || install_compose
engine_answers || start_engine
compose_answers || die "docker compose does not answer"
say "ready: engine $(docker version --format '{{.Server.Version}}')," \
    "Compose $(docker compose version --short)"
