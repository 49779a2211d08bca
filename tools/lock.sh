#!/bin/bash
# lock.sh FOLDER: compile requirements/*.txt from pyproject.toml with uv, which is installed into FOLDER.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$1
if [ ! -x "$tools/bin/uv" ]; then
    "$(command -v python3)" -m venv "$tools"
    "$tools/bin/python" -m pip install --quiet --disable-pip-version-check uv
fi
compile=("$tools/bin/uv" pip compile --quiet --generate-hashes --no-header --no-emit-index-url --no-emit-find-links
    --universal --python-version 3.11 pyproject.toml)
"${compile[@]}" --group build --output-file requirements/runtime.txt
"${compile[@]}" --group build --group dev --constraint requirements/runtime.txt --output-file requirements/dev.txt
echo "requirements/ is locked; run \`make dev-setup\` to install it."
