#!/usr/bin/env bash
# Rates the units with systemd-analyze security. Their exposure must be at most 1.0 (of 10; 0 is none).
set -euo pipefail
cd "$(dirname "$0")/.."
for unit in systemd/clipdragd.service systemd/clipdragd@.service; do
    systemd-analyze security --offline=true --threshold=10 --no-pager "$unit" | tail -n 1
done
