#!/usr/bin/env bash
# Makes sure that the base image of our Dockerfile, python:3.13-slim, is on this machine.
#
# Present or pulled, it is used as it is. Where no registry can be reached, a stand-in with the same
# tag is built from Debian trixie, whose python3 is 3.13: a minimal system, unpacked by debootstrap
# from the mirror that this machine's apt already uses. Needs Debian, root, and a running engine.
set -euo pipefail

IMAGE=${PYTHON_IMAGE:-python:3.13-slim}
PULL_TIMEOUT_S=${PULL_TIMEOUT_S:-45}
RELEASE=trixie

say() { printf 'base-image: %s\n' "$*"; }
die() { printf 'base-image: %s\n' "$*" >&2; exit 1; }

image_present() { docker image inspect "$IMAGE" >/dev/null 2>&1; }

debian_mirror() {
    apt-get indextargets --format '$(REPO_URI)' \
        'Origin: Debian' "Codename: $VERSION_CODENAME" 'Component: main' | head -n 1
}

# What no service reads: package lists and archives, documentation, translations, Python's caches.
trim() {
    local root=$1
    rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/* \
        "$root"/usr/share/{doc,man,info,locale,lintian} "$root"/usr/share/zoneinfo/{posix,right}
    find "$root/usr/lib/python3" "$root/usr/lib/python3.13" -name __pycache__ -prune \
        -exec rm -rf {} +
}

build_stand_in() {
    local root=$1/root mirror
    command -v debootstrap >/dev/null || {
        say "installing debootstrap"
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            debootstrap >/dev/null
    }
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || die "apt knows no Debian mirror (run apt-get update, or look at its sources)"
    say "building a stand-in for $IMAGE from Debian $RELEASE, about a minute"
    debootstrap --variant=minbase --include=python3,tzdata "$RELEASE" "$root" "$mirror" \
        >"$1/debootstrap.log" 2>&1 || { tail -n 20 "$1/debootstrap.log" >&2; die "debootstrap failed"; }
    trim "$root"
    tar -C "$root" --numeric-owner --exclude=./proc/* --exclude=./sys/* --exclude=./dev/* -c . |
        docker import --change 'CMD ["python3"]' --message "stand-in from Debian $RELEASE" \
            - "$IMAGE" >/dev/null
}

timeout 10 docker info >/dev/null 2>&1 || die "no Docker engine answers (tools/docker-engine.sh starts one)"
if image_present; then
    say "nothing to do: $IMAGE is here"
    exit 0
fi
say "pulling $IMAGE, for at most $PULL_TIMEOUT_S s"
if timeout "$PULL_TIMEOUT_S" docker pull --quiet "$IMAGE" >/dev/null 2>&1 && image_present; then
    say "ready: pulled $IMAGE"
    exit 0
fi
[ "$(id -u)" -eq 0 ] || die "$IMAGE cannot be pulled, and building a stand-in needs root"
[ -r /etc/os-release ] && . /etc/os-release
[ "${ID:-}" = debian ] || die "$IMAGE cannot be pulled, and a stand-in is built on Debian only"
WORKSPACE=$(mktemp -d)
trap 'rm -rf "$WORKSPACE"' EXIT
build_stand_in "$WORKSPACE"
say "ready: $(docker run --rm "$IMAGE" python3 --version), $(docker image inspect --format '{{.Size}}' "$IMAGE" | awk '{printf "%d MB", $1 / 1e6}')"
