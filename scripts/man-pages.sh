#!/usr/bin/env bash
# Makes the man pages from man/ and docs/ in a folder: clipdragd(1), clipdragd.yaml(5), clipdragd-spec(5). Needs pandoc.
# The two of section 5 are a head of man/ before the document that people read on the web: there is one text of each.
set -euo pipefail
cd "$(dirname "$0")/.."
to=$1
version=$(sed -n 's/.*static let current = "\(.*\)"/\1/p' Sources/Daemon/EditJobs/Trajectory.swift)
mkdir -p "$to"
page() { # NAME SECTION FORMAT
    pandoc -s -f "$3" -t man --lua-filter man/plain-links.lua \
        -V title="$1" -V section="$2" -V footer="clipdragd $version" -V header="clipdragd" -o "$to/$1.$2"
}
# A document without its title, its sections one level up.
document() { tail -n +2 "$1" | sed 's/^##/#/'; }
page clipdragd 1 markdown-smart <man/clipdragd.1.md
{ cat man/clipdragd.yaml.5.md; document docs/configuration.md; cat man/see-also.md; } | page clipdragd.yaml 5 gfm
{ cat man/clipdragd-spec.5.md; document docs/spec.md; cat man/see-also.md; } | page clipdragd-spec 5 gfm
