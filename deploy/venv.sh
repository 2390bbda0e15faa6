#!/bin/sh
# Makes .venv and installs the locked packages: `venv.sh run` (to serve) or `venv.sh dev` (all).
# Does nothing when the lock file's content was installed before.
set -eu
cd "$(dirname "$0")/.."
wanted=$1
lock=requirements/$wanted.lock
stamp=.venv/.installed-$wanted
sum=$(cksum <"$lock")

if [ -x .venv/bin/python ] && .venv/bin/python -c '' 2>/dev/null; then
    if [ "$(cat "$stamp" 2>/dev/null)" = "$sum" ]; then exit 0; fi
    # The locks agree on every version, and dev holds all of run.
    if [ "$wanted" = run ] &&
        [ "$(cat .venv/.installed-dev 2>/dev/null)" = "$(cksum <requirements/dev.lock)" ]; then
        exit 0
    fi
else
    python=
    for name in ${PYTHON:-} python3.11 python3.12 python3.13 python3; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$name
            break
        fi
    done
    if [ -z "$python" ]; then
        echo "Lectern needs Python 3.11 or newer, and none was found: install one, or name it with PYTHON=/path/to/python3.11" >&2
        exit 1
    fi
    echo "Making a virtual environment in .venv"
    if ! "$python" -m venv --clear .venv; then
        echo "Python could not make a virtual environment: on Debian or Ubuntu, install its venv package (python3-venv)" >&2
        exit 1
    fi
fi

echo "Installing the packages of $lock"
if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"; then
    echo "The packages of $lock could not be installed: the reason is above" >&2
    exit 1
fi
echo "$sum" >"$stamp"
