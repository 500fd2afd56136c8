#!/usr/bin/env bash
# Reads hostile input under libFuzzer and AddressSanitizer: make fuzz.
# Usage: scripts/fuzz.sh [READER…]; RUNS=N sets how many inputs each reader is given (1000000), SEED=N where chance begins.
# The corpus in Tests/Fuzz/corpus is only read; what is found lies in .build-fuzz/findings.
set -euo pipefail
cd "$(dirname "$0")/.."
readers=("$@")
[ $# -gt 0 ] || readers=(spec png jpeg safetensors)
build=.build-fuzz
# Swift's own code, ours in C, and where they meet are watched; libpng, libjpeg and libyaml are the system's, of which the
# sanitizer sees what they take, give back and copy.
CLIPDRAGD_FUZZ=1 swift build -c release --product fuzz --scratch-path $build \
    -Xswiftc -sanitize=fuzzer,address -Xcc -fsanitize=fuzzer-no-link,address -Xswiftc -use-ld=lld
mkdir -p $build/findings
failed=0
# The sanitizer tells where it stopped, and Swift's own telling would wait for a debugger.
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
