#!/usr/bin/env bash
# Reads hostile input under libFuzzer and AddressSanitizer: make fuzz.
# Usage: scripts/fuzz.sh [READER…]; RUNS=N sets the number of inputs for each reader (1000000), SEED=N the random seed.
# The corpus in Tests/Fuzz/corpus stays unchanged; findings go to .build-fuzz/findings.
set -euo pipefail
cd "$(dirname "$0")/.."
readers=("$@")
[ $# -gt 0 ] || readers=(spec png jpeg safetensors)
build=.build-fuzz
# The sanitizers instrument our Swift and C code. libpng, libjpeg and libyaml are the system's: of those AddressSanitizer sees
# only allocations and copies.
CLIPDRAGD_FUZZ=1 swift build -c release --product fuzz --scratch-path $build \
    -Xswiftc -sanitize=fuzzer,address -Xcc -fsanitize=fuzzer-no-link,address -Xswiftc -use-ld=lld
mkdir -p $build/findings
failed=0
# The sanitizer prints the backtrace; Swift's own backtrace would wait for a debugger.
export SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=allocator_may_return_null=1:quarantine_size_mb=64
for reader in "${readers[@]}"; do
    grown=$build/corpus/$reader
    mkdir -p "$grown"
    echo "== $reader"
    start=$SECONDS
    if $build/release/fuzz "$reader" \
        -runs="${RUNS:-1000000}" -seed="${SEED:-1}" -max_len=2048 -timeout=10 -rss_limit_mb=512 -malloc_limit_mb=64 \
        -artifact_prefix="$build/findings/$reader-" -dict="Tests/Fuzz/$reader.dict" -print_final_stats=1 -verbosity=0 \
        "$grown" "Tests/Fuzz/corpus/$reader" >/dev/null 2>"$build/$reader.log"; then
        echo "$reader: $(awk '/number_of_executed_units/ {print $2}' "$build/$reader.log") inputs in $((SECONDS - start)) s," \
            "peak memory $(awk '/peak_rss_mb/ {print $2}' "$build/$reader.log") MB: no finding"
    else
        failed=1
        echo "$reader: FINDING, see $build/$reader.log"
        grep -E "ERROR|SUMMARY|Fatal|artifact" "$build/$reader.log" || tail -n 5 "$build/$reader.log"
    fi
done
exit $failed
