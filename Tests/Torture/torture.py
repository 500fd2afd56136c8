#!/usr/bin/env python3
"""Injects every known kind of fault into the daemon and checks the promises of docs/delivery.md after each.

    torture.py [--program FILE] [--quick] [--only WHAT]... [--cuts N] [--writers N] [--seed N]

Exit 0: every promise held every time.
"""

import argparse
import concurrent.futures
import itertools
import os
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter

import calls
import faults
import mounts
import names
import neighbours
import power
import torn
import watching
import writers
from place import Broken, ELSEWHERE, Place, ROOT, SCENARIOS


class Torture:
    def __init__(self, options):
        self.quick, self.seed, self.cores = options.quick, options.seed, os.cpu_count() or 2
        base = options.folder or f"{ROOT}/.build/torture"
        os.makedirs(base, exist_ok=True)
        self.folder = tempfile.mkdtemp(dir=base)
        self.numbers, self.failures, self.total = itertools.count(), [], Counter()

    def place(self, scenario):
        return Place(f"{self.folder}/{next(self.numbers)}", scenario)

    def all(self, what, one, cases, at_once):
        """Runs every case, some in parallel, and prints the results."""
        start, counts, broken = time.monotonic(), Counter(), []
        lock = threading.Lock()

        def guarded(case):
            try:
                result = one(case)
            except Broken as failure:
                result = "BROKEN"
                with lock:
                    broken.append(str(failure))
            with lock:
                counts[result] += 1

        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            list(pool.map(guarded, cases))
        shown = ", ".join(f"{n} {word}" for word, n in sorted(counts.items()))
        print(f"{what}: {sum(counts.values())} cases: {shown} ({time.monotonic() - start:.0f} s)", flush=True)
        for text in broken[:20]:
            print(f"  BROKEN: {text}", flush=True)
        self.failures += broken
        self.total[what.split(",")[0]] += sum(counts.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=f"{ROOT}/.build/release/clipdragd")
    parser.add_argument("--quick", action="store_true", help="a share of it, without root, in a minute or two")
    parser.add_argument("--only", action="append", default=[],
                        choices=["kills", "errors", "short-writes", "torn", "power", "writers", "overflow", "mounts", "neighbours", "names",
                                 "idle", "latency"])
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, default=[])
    parser.add_argument("--cuts", type=int, default=2000, help="power cuts")
    parser.add_argument("--writers", type=int, help="random writers (10000, or 100 when quick)")
    parser.add_argument("--pairs", type=int, help="pairs of the overflow (20000, or 500 when quick)")
    parser.add_argument("--names", type=int, help="pairs with odd names (5000, or 200 when quick)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", help="where to work; not in /dev/shm, which is the other file system of some scenarios")
    options = parser.parse_args()
    Place.program = os.path.abspath(options.program)
    calls.need("strace")
    os.makedirs(ELSEWHERE, exist_ok=True)
    torture = Torture(options)
    Place.worker, calls.fault.program = calls.compiled(torture, "worker.c"), calls.compiled(torture, "inject.c")
    wanted = set(options.only) or {"kills", "errors", "short-writes", "torn", "writers", "overflow", "mounts", "neighbours", "names"} | (
        set() if options.quick else {"power", "idle"})
    every = options.scenario or (["pair"] if options.quick else list(SCENARIOS))
    try:
        if "kills" in wanted:
            faults.kills(torture, every)
        if "errors" in wanted:
            faults.errors(torture, every)
            faults.unseen(torture)
        if "short-writes" in wanted:
            faults.short_writes(torture, every)
        if "torn" in wanted:
            torn.torn(torture)
        if "writers" in wanted:
            writers.writers(torture, options.writers or (100 if options.quick else 10000))
        if "overflow" in wanted:
            watching.overflow(torture, options.pairs or (500 if options.quick else 20000))
        if "mounts" in wanted:
            mounts.mounts(torture)
        if "neighbours" in wanted:
            neighbours.neighbours(torture)
        if "names" in wanted:
            names.names(torture, options.names or (200 if options.quick else 5000))
        if "idle" in wanted:
            watching.idle(torture, options.pairs or (1000 if options.quick else 10000))
        if "latency" in wanted:
            watching.latency(torture, 100)
        if "power" in wanted:
            power.cuts(torture, options.cuts, every)
    finally:
        shutil.rmtree(torture.folder, ignore_errors=True)
    counts = ", ".join(f"{n} {word}" for word, n in torture.total.items())
    print(f"total: {counts}; {len(torture.failures)} broken promises")
    sys.exit(1 if torture.failures else 0)


if __name__ == "__main__":
    main()
