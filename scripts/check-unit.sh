#!/usr/bin/env bash
# What systemd itself thinks of the units: their exposure must be 1.0 at most (of 10; 0 is none).
set -euo pipefail
cd "$(dirname "$0")/.."
for unit in systemd/clipdragd.service systemd/clipdragd@.service; do
    systemd-analyze security --offline=true --threshold=10 --no-pager "$unit" | tail -n 1
done
