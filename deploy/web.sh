#!/bin/sh
# Builds the web client when its sources have changed since the last build.
#   web.sh optional   without Node, or when it fails, say so and go on (make serve)
#   web.sh required   fail instead (make test, make web)
#   web.sh packages   install its packages only (make check)
set -eu
cd "$(dirname "$0")/.."
mode=$1
mkdir -p .stamps

give_up() {
    echo "$1" >&2
    if [ "$mode" = optional ]; then
        echo "The server runs without it, and / says how to build it." >&2
        exit 0
    fi
    exit 1
}

major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/') || major=
if [ -z "$major" ] || ! command -v npm >/dev/null; then
    give_up "The web client was not built: it needs Node.js 20 or newer with npm, and none was found."
fi
if [ "$major" -lt 20 ]; then
    give_up "The web client was not built: it needs Node.js 20 or newer, and version $major was found."
fi

packages=$(cksum <web/package-lock.json)
if [ ! -d web/node_modules ] || [ "$(cat .stamps/web-packages 2>/dev/null)" != "$packages" ]; then
    echo "Installing the web client's packages"
    (cd web && npm ci --silent --no-audit --no-fund) ||
        give_up "The web client was not built: npm ci failed, as said above."
    echo "$packages" >.stamps/web-packages
fi
if [ "$mode" = packages ]; then exit 0; fi

sources=$(cd web && find . \( -name node_modules -o -name dist -o -name coverage \) -prune -o -type f -print |
    LC_ALL=C sort | tr '\n' '\0' | xargs -0 cksum | cksum)
if [ ! -f web/dist/index.html ] || [ "$(cat .stamps/web-build 2>/dev/null)" != "$sources" ]; then
    echo "Building the web client"
    (cd web && npm run --silent build -- --logLevel warn) ||
        give_up "The web client was not built: its build failed, as said above."
    echo "$sources" >.stamps/web-build
fi
