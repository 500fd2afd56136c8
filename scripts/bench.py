#!/usr/bin/env python3
"""Times of the heavy steps, ours and PyTorch's in turn on this machine, as docs/performance.md's table.

    python bench.py --binary .build/release/clipdragd --docs docs/performance.md [--runs 3] [--only STEP …]
"""
import argparse
import json
import os
import re
import subprocess
import sys

STEPS = ("unet_forward", "unet_forward_2vjp", "vae_decode_vjp", "drag_iteration", "lora_step")
WISHES = dict(f32=dict(unet_forward=0.55, vae_decode_vjp=0.60, drag_iteration=0.40, lora_step=0.60),
              bf16=dict(unet_forward=0.65, drag_iteration=0.55))
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def lines(command):
    # both sides with their best settings: OpenBLAS chooses its kernels itself
    env = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    out = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def measured(a, torch, precision):
    rows = []
    for step in a.only:
        ours = lines([a.binary, "bench", "--synthetic", "sd15", "--precision", precision, "--json", "--runs", str(a.runs), "--only", step])[0]
        theirs = lines([sys.executable, torch, "--config", "sd15", "--precision", precision, "--runs", str(a.runs), "--only", step])[0]
        rows.append((step, ours, theirs))
        print(f"{precision} {step}: {ours['seconds']:.2f} s against {theirs['seconds']:.2f} s, ratio {ours['seconds'] / theirs['seconds']:.2f}",
              flush=True)
    first = rows[0][1]
    load = " ".join(f"{x:.1f}" for x in os.getloadavg())
    table = [f"**{precision}**: {first['cpu']}, {first['threads']} threads, {first['instruction_set']}; {first['pixels']}x{first['pixels']}; "
             f"measured {precision} peak {first['peak_gflops']:.0f} GFLOP/s; best of {a.runs}; {rows[0][2]['engine']}; load average at the end {load}.", "",
             "| | ours | PyTorch | ratio | wanted | GFLOP/s | of the peak | peak memory, ours | PyTorch's |",
             "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    for step, o, t in rows:
        wish = f"≤ {WISHES[precision][step]:.2f}" if step in WISHES[precision] else ""
        table.append(f"| {step} | {o['seconds']:.2f} s | {t['seconds']:.2f} s | {o['seconds'] / t['seconds']:.2f} | {wish} | {o['gflops']:.0f} | "
                     f"{100 * o['fraction_of_peak']:.0f} % | {o['peak_rss_mb'] / 1024:.1f} GB | {t['peak_rss_mb'] / 1024:.1f} GB |")
    return table + [""]


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--binary", required=True)
    p.add_argument("--docs", required=True)
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("--only", nargs="*", choices=STEPS, default=STEPS)
    p.add_argument("--precision", nargs="*", choices=("f32", "bf16"), default=("f32", "bf16"), help="bf16 only where the CPU computes in it")
    a = p.parse_args()
    torch = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle", "bench_torch.py")
    computes_bf16 = "avx512_bf16" in open("/proc/cpuinfo", encoding="utf-8").read()
    table = []
    for precision in a.precision:
        if precision == "f32" or computes_bf16:
            table += measured(a, torch, precision)
    print("\n".join(table))
    with open(a.docs, encoding="utf-8") as f:
        text = f.read()
    block = BEGIN + "\n" + "\n".join(table) + "\n" + END
    text = re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: block, text, flags=re.S)
    with open(a.docs, "w", encoding="utf-8") as f:
        f.write(text)


if __name__ == "__main__":
    main()
