#!/usr/bin/env bash
# Builds web/editor/libyaml.wasm: libyaml 0.2.5 from Debian's source archive, by the clang and wasm-ld of the Swift toolchain.
# The editor page reads specs with the daemon's own YAML library, so its messages are those of `clipdragd check`.
set -euo pipefail
cd "$(dirname "$0")/.."
name=libyaml_0.2.5.orig.tar.gz
digest=fa240dbf262be053f3898006d502d514936c818e422afdcf33921c63bed9bf2e
tools=$(dirname "$(readlink -f "$(command -v swift)")")
folder=$(mktemp -d "$PWD/.build-libyaml.XXXXXX")
trap 'rm -rf "$folder"' EXIT
curl -fsS -o "$folder/$name" "http://deb.debian.org/debian/pool/main/liby/libyaml/$name"
echo "$digest  $folder/$name" | sha256sum -c --quiet
tar -C "$folder" -xzf "$folder/$name" --strip-components 1
"$tools/clang" --target=wasm32-unknown-unknown -Oz -nostdlib -ffreestanding -fno-builtin -DNDEBUG \
    -DYAML_VERSION_MAJOR=0 -DYAML_VERSION_MINOR=2 -DYAML_VERSION_PATCH=5 -DYAML_VERSION_STRING='"0.2.5"' -DHAVE_CONFIG_H=0 \
    -I web/editor/libyaml/include -I "$folder/include" -ffile-prefix-map="$folder"=libyaml \
    -fuse-ld="$tools/wasm-ld" -Wl,--no-entry -Wl,--strip-all -Wl,--gc-sections -Wl,-z,stack-size=65536 \
    -w -o web/editor/libyaml.wasm \
    web/editor/libyaml/shim.c "$folder"/src/{api,reader,scanner,parser}.c
chmod 0644 web/editor/libyaml.wasm
cp "$folder/License" web/editor/libyaml/LICENSE
ls -l web/editor/libyaml.wasm
