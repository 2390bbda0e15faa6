#!/bin/sh
# Resolves pyproject.toml into requirements/*.lock: versions and hashes, no index addresses.
# extras.lock is run.lock and the optional parts (Kafka, …); dev.lock holds all.
# Keeps what is locked where it still fits; LOCK_ARGS=--upgrade takes the newest of everything.
set -eu
cd "$(dirname "$0")/.."
compile() {
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-annotate --no-header ${LOCK_ARGS:-} pyproject.toml "$@"
}
compile -o requirements/run.lock
compile --all-extras -c requirements/run.lock -o requirements/extras.lock
compile --all-extras --group test --group check --group bench --group lock -c requirements/run.lock -o requirements/dev.lock
