#!/usr/bin/env bash
# Usage: scripts/venv.sh FOLDER PACKAGE…. Makes a Python environment with the packages, unless it exists and has them.
set -euo pipefail
folder=$1
shift
[ "$(cat "$folder/.complete" 2>/dev/null)" = "$*" ] && exit 0
[ -e "$folder/bin/pip" ] || python3 -m venv "$folder"
"$folder/bin/pip" install --quiet "$@"
echo "$*" > "$folder/.complete"
