#!/usr/bin/env bash
# Usage: scripts/venv.sh FOLDER PACKAGE…. Makes a Python environment with the packages, unless it exists.
set -euo pipefail
folder=$1
shift
[ -e "$folder/.complete" ] && exit 0
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet "$@"
touch "$folder/.complete"
