#!/usr/bin/env bash
# Compares the C kernels with plain versions in double precision (Tests/KernelsC), compiled with the flags of Package.swift:
# on this machine with every vector path it has, then for aarch64 in qemu-user. For Debian.
#
# The script unpacks the packages for aarch64 into a folder and does not install them, so the machine's apt does not change.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$PWD/.build/aarch64
root=$build/root
scripts/install-packages.sh libopenblas-dev qemu-user

swift_bin=$(dirname "$(readlink -f "$(command -v swift)")")
PATH=$swift_bin:$PATH # its clang and lld
mapfile -t flags < <(sed -n '/^let optimisedC/,/^]/p' Package.swift | grep -o '"-[^"]*"' | tr -d '"')
[ ${#flags[@]} -gt 0 ]
sources=(-ISources/CKernels/include -ITests/KernelReferences/include Tests/KernelsC/*.c Tests/KernelReferences/*.c Sources/CKernels/*.c)
libraries=(-lopenblas -lm -lpthread)
mkdir -p "$build"

echo "== $(uname -m)"
clang "${flags[@]}" "${sources[@]}" "${libraries[@]}" -o "$build/kernels-native"
OPENBLAS_CORETYPE=Haswell "$build/kernels-native"
if [ "$(uname -m)" = x86_64 ]; then
    echo "== x86_64 without AVX-512"
    OPENBLAS_CORETYPE=Haswell qemu-x86_64 -cpu Haswell-noTSX,-pcid,-x2apic,-tsc-deadline,-invpcid "$build/kernels-native" --without-bf16
fi

if [ ! -e "$root/.complete" ]; then
    rm -rf "$root" "$build/apt"
    mkdir -p "$root" "$build/apt/lists/partial" "$build/apt/archives/partial" "$build/debs"
    touch "$build/apt/status"
    cat >"$build/apt.conf" <<CONF
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "root";
Dir::State "$build/apt";
Dir::State::status "$build/apt/status";
Dir::Cache "$build/apt";
CONF
    export APT_CONFIG=$build/apt.conf
    apt-get update -qq
    (cd "$build/debs" && apt-get download -qq libc6 libc6-dev linux-libc-dev libgcc-s1 libgcc-12-dev libgfortran5 \
        libopenblas0-pthread libopenblas-pthread-dev)
    unset APT_CONFIG
    for package in "$build"/debs/*.deb; do dpkg-deb -x "$package" "$root"; done
    touch "$root/.complete"
fi

echo "== aarch64"
blas=lib/aarch64-linux-gnu/openblas-pthread
clang --target=aarch64-linux-gnu --sysroot="$root" -fuse-ld=lld -isystem "$root/usr/include/aarch64-linux-gnu/openblas-pthread" \
    "${flags[@]}" "${sources[@]}" -L"$root/usr/$blas" -Wl,-rpath,"/usr/$blas" "${libraries[@]}" -o "$build/kernels-aarch64"
qemu-aarch64 -L "$root" "$build/kernels-aarch64"
