#!/bin/sh
# Installs what the tests run against, where it is missing: Chromium, a Redis server, PostgreSQL,
# coturn, iproute2 for network namespaces, flite (a voice for the recogniser of speech), and Java with Maven for a Kafka broker.
set -eu

missing=
find_one() { # package, then commands of which one is enough
    package=$1
    shift
    for candidate in "$@"; do
        if command -v "$candidate" >/dev/null 2>&1; then return 0; fi
    done
    missing="$missing $package"
}

find_one redis-server redis-server valkey-server
find_one chromium chromium chromium-browser google-chrome
find_one postgresql initdb /usr/lib/postgresql/*/bin/initdb
find_one coturn turnserver
find_one iproute2 ip
find_one flite flite
find_one default-jre-headless java
find_one maven mvn
find_one prometheus promtool
find_one docker-compose docker-compose
find_one kubernetes-client kubectl
if [ -z "$missing" ]; then exec "$(dirname "$0")/kafka.sh"; fi

if ! command -v apt-get >/dev/null; then
    echo "The tests need these programs, which are missing here:$missing. Install them and try again." >&2
    exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
        echo "The tests need these packages, and installing them takes root: sudo apt-get install$missing" >&2
        exit 1
    fi
    as_root="sudo -n"
fi
echo "Installing what the tests run against:$missing"
case $missing in
*coturn* | *prometheus*)
    # Debian's packages start servers of their own, coturn on every address; the tests start theirs.
    if command -v systemctl >/dev/null; then
        $as_root systemctl mask coturn.service prometheus.service prometheus-node-exporter.service >/dev/null 2>&1 || true
    fi
    ;;
esac
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # words are meant to be split
if ! { $as_root apt-get update -q && $as_root apt-get install -q -y --no-install-recommends $missing; } >/dev/null; then
    echo "These packages could not be installed:$missing. Install them by hand and try again." >&2
    exit 1
fi
exec "$(dirname "$0")/kafka.sh"
