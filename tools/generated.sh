#!/bin/bash
# generated.sh check|write PYTHON: the pages that are made from the code, compared with it or written anew.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=$1 python=$2
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
mkdir -p "$made/docs/generated"

"$python" -m threadline.domain.pages "$made/docs/generated" >/dev/null
"$python" -m threadline.config.environment >"$made/docs/generated/environment.md"
"$python" -m tests.invariants TESTING.md >"$made/TESTING.md"

stale=0
while IFS= read -r -d '' path; do
    file=${path#"$made"/}
    cmp --silent "$path" "$file" && continue
    if [ "$mode" = write ]; then
        mkdir -p "$(dirname "$file")"
        cat "$path" >"$file"
        echo "wrote $file"
    else
        echo "$file is stale: run \`make fix\` and look at what changed." >&2
        stale=1
    fi
done < <(find "$made" -type f -print0 | sort -z)

[ "$stale" = 1 ] || echo "generated pages are current"
exit "$stale"
