#!/usr/bin/env bash
# venv.sh FOLDER PACKAGE…: a Python environment with some packages, made once.
set -euo pipefail
folder=$1
shift
[ -e "$folder/.complete" ] && exit 0
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet "$@"
touch "$folder/.complete"
