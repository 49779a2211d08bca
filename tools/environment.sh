#!/bin/bash
# environment.sh FOLDER LOCK: the virtual environment with exactly what the lock names, and Threadline itself, editable.
# PYTHON names the Python to make it with, where python3 is not the one that is wanted.
# Asks no package index while the stamp beside it shows that the lock is already installed.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1 lock=$2
stamp=$folder/.installed
runtime=requirements/runtime.txt

fingerprint() { cat "$@" pyproject.toml | sha256sum | cut -d' ' -f1; }

wanted="$lock $(fingerprint "$lock")"
if [ -x "$folder/bin/threadline" ] && [ -f "$stamp" ]; then
    grep -qxF "$wanted" "$stamp" && exit 0
    # The development lock holds the runtime one: `make setup` after `make dev-setup` has nothing to add.
    if [ "$lock" = "$runtime" ] && grep -qxF "requirements/dev.txt $(fingerprint requirements/dev.txt)" "$stamp"; then
        exit 0
    fi
fi

find_python() {
    local candidate
    for candidate in "${PYTHON:-python3}" python3 python3.13 python3.12 python3.11 python3.14; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "Threadline needs Python 3.11 or newer: install the package python3 (Debian 12: apt-get install python3 python3-venv)." >&2
    exit 1
}

python=$(find_python)
if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    echo "This Python cannot make virtual environments: install the package python3-venv (apt-get install python3-venv)." >&2
    exit 1
fi
if ! command -v git >/dev/null 2>&1; then
    echo "git is missing: install the package git (apt-get install git)." >&2
    exit 1
fi

echo "Installing $lock into $folder/ (once, and again when the lock changes)"
if ! "$folder/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    rm -rf "$folder"
    "$python" -m venv "$folder"
fi
rm -f "$stamp"
pip=("$folder/bin/python" -m pip --disable-pip-version-check --quiet)
"${pip[@]}" install --require-hashes --requirement "$lock"
"${pip[@]}" install --no-deps --no-build-isolation --editable .
echo "$wanted" >"$stamp"
