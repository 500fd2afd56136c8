#!/usr/bin/env bash
# Usage: scripts/man-pages.sh FOLDER. Writes clipdragd(1), clipdragd.yaml(5) and clipdragd-spec(5) to FOLDER. Needs pandoc.
# The pages of section 5 are a head from man/ followed by docs/configuration.md or docs/spec.md, so each text exists once.
set -euo pipefail
cd "$(dirname "$0")/.."
to=$1
version=$(sed -n 's/.*static let current = "\(.*\)"/\1/p' Sources/Daemon/JobFiles/Version.swift)
[ -n "$version" ] || { echo "scripts/man-pages.sh: no version found in Sources/Daemon/JobFiles/Version.swift" >&2; exit 1; }
mkdir -p "$to"
page() { # NAME SECTION FORMAT
    pandoc -s -f "$3" -t man --lua-filter man/plain-links.lua \
        -V title="$1" -V section="$2" -V footer="clipdragd $version" -V header="clipdragd" -o "$to/$1.$2"
}
# Prints a document without its title, with its sections one level up.
document() { tail -n +2 "$1" | sed 's/^##/#/'; }
page clipdragd 1 markdown-smart <man/clipdragd.1.md
{ cat man/clipdragd.yaml.5.md; document docs/configuration.md; cat man/see-also.md; } | page clipdragd.yaml 5 gfm
{ cat man/clipdragd-spec.5.md; document docs/spec.md; cat man/see-also.md; } | page clipdragd-spec 5 gfm
