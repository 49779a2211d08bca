#!/bin/bash
# django-checks.sh PYTHON: Django's own checks, and that every model has its migration. In a data folder of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export THREADLINE_DATA_DIR=$folder THREADLINE_TESTING=1 DJANGO_SETTINGS_MODULE=threadline.config.settings
echo "django check"
"$1" -W error -m django check --fail-level WARNING
echo "django makemigrations --check"
"$1" -m django makemigrations --check --dry-run
