#!/usr/bin/env bash
# Installs missing Debian packages: those that the arguments name, or by default what building and testing clipdragd need.
# For Debian and Ubuntu.
set -euo pipefail
packages=(libopenblas-dev libpng-dev libjpeg-dev libyaml-dev curl strace python3)
[ $# -eq 0 ] || packages=("$@")
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
echo "installing ${missing[*]}"
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
