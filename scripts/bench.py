#!/usr/bin/env python3
"""Times the heavy steps, ours and PyTorch's in turn on this machine, and writes the table `measured` of
docs/measurements/performance.md. Steps that oracle/bench_torch.py lacks are timed for ours alone.

    python bench.py --binary .build/release/clipdragd --docs docs/measurements/performance.md [--runs 3] [--only STEP …]
"""
import argparse
import os
import sys

from measuring import ROOT, lines, load_average, table, write_block

STEPS = ("unet_forward", "unet_forward_2vjp", "vae_decode_vjp", "drag_iteration", "lora_step")
OURS_ALONE = ("clip", "inversion_step", "sampling_step")
WISHES = dict(f32=dict(unet_forward=0.55, vae_decode_vjp=0.60, drag_iteration=0.40, lora_step=0.60),
              bf16=dict(unet_forward=0.65, drag_iteration=0.55))


def measured(a, torch, precision):
    def ours(step):
        return lines([a.binary, "bench", "--synthetic", "sd15", "--precision", precision, "--json", "--runs", str(a.runs), "--only",
                      step])[0]

    def row(o, t=None):
        wish = f"≤ {WISHES[precision][o['what']]:.2f}" if o["what"] in WISHES[precision] else ""
        return [o["what"], f"{o['seconds']:.2f} s", *([f"{t['seconds']:.2f} s", f"{o['seconds'] / t['seconds']:.2f}"] if t
                                                      else ["", ""]), wish,
                f"{o['gflops']:.0f}", f"{100 * o['fraction_of_peak']:.0f} %", f"{o['peak_rss_mb'] / 1024:.1f} GB",
                f"{t['peak_rss_mb'] / 1024:.1f} GB" if t else ""]

    rows = []
    for step in a.only:
        o = ours(step)
        t = lines([sys.executable, torch, "--config", "sd15", "--precision", precision, "--runs", str(a.runs), "--only", step])[0]
        rows.append(row(o, t))
        print(f"{precision} {step}: {o['seconds']:.2f} s against {t['seconds']:.2f} s, ratio {o['seconds'] / t['seconds']:.2f}", flush=True)
    for step in OURS_ALONE if a.only == STEPS else ():
        rows.append(row(ours(step)))
    head = (f"**{precision}**: {o['cpu']}, {o['threads']} threads, {o['instruction_set']}; {o['pixels']}x{o['pixels']}; "
            f"measured {precision} peak {o['peak_gflops']:.0f} GFLOP/s; best of {a.runs}; {t['engine']}; "
            f"load average at the end {load_average()}.")
    return [head, "", table(["", "ours", "PyTorch", "ratio", "wanted", "GFLOP/s", "of the peak", "peak memory, ours", "PyTorch's"],
                            rows), ""]


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--binary", required=True)
    p.add_argument("--docs", required=True)
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("--only", nargs="*", choices=STEPS, default=STEPS)
    p.add_argument("--precision", nargs="*", choices=("f32", "bf16"), default=("f32", "bf16"),
                   help="bf16 only where the CPU computes in it")
    a = p.parse_args()
    torch = os.path.join(ROOT, "oracle", "bench_torch.py")
    computes_bf16 = "avx512_bf16" in open("/proc/cpuinfo", encoding="utf-8").read()
    text = []
    for precision in a.precision:
        if precision == "f32" or computes_bf16:
            text += measured(a, torch, precision)
    print("\n".join(text))
    write_block(a.docs, "measured", "\n".join(text))


if __name__ == "__main__":
    main()
