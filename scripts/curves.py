#!/usr/bin/env python3
"""Measures how the cost of a drag iteration grows with the picture's size, drags, threads and iterations, at Stable Diffusion
1.5's size with random weights. Writes curves.json, curves.svg and the block `curves` of performance.md in docs/measurements.

    curves.py [--docs DIR] [--minutes 10] [--sizes 256 384 …] [--side 384] [--model DIR]   measures
    curves.py --report                                                                     writes the report again from curves.json

The report names the points that did not fit into the minutes.
"""
import argparse
import json
import os
import subprocess
import time

from measuring import bench, load_average, machine, table, write_block

CURVES = dict(pixels="side of the picture, pixels", pairs="drags", threads="threads", iterations="iterations in one run")


def plan(a):
    """What is measured, the most informative first. Runs of several iterations warm up by themselves."""
    cores = os.cpu_count()
    base = dict(pixels=a.side, pairs=1, threads=cores, iterations=1)
    points = [dict(base, pixels=side) for side in sorted({a.side, *a.sizes})]
    points += [dict(base, threads=n) for n in (1, 2, 4, 8, 16, 32, 64) if n < cores]
    points += [dict(base, iterations=n) for n in (2, 4, 8)]
    points += [dict(base, pairs=n) for n in (16, 4, 2, 8)]
    return [dict(p, runs=0 if p["iterations"] > 1 else 1) for p in points]


def measure(a):
    model = ["--model", a.model] if a.model else ["--synthetic", "sd15"]
    deadline = time.monotonic() + 60 * a.minutes
    rows, missing = [], []
    for point in plan(a):
        left = deadline - time.monotonic()
        name = ", ".join(f"{key} {point[key]}" for key in CURVES)
        arguments = [*model, "--only", "drag_iteration"]
        for key, value in point.items():
            arguments += [f"--{key}", value]
        try:
            row = bench(arguments, timeout=left)[0]
        except subprocess.TimeoutExpired:
            missing.append(name)
            continue
        if row["iterations"] != point["iterations"]:
            raise SystemExit(f"{name}: the handles arrived after {row['iterations']} iterations")
        rows.append(row)
        print(f"{name}: {row['seconds']:.2f} s, {row['peak_rss_mb']:.0f} MB", flush=True)
    return dict(side=a.side, minutes=a.minutes, load=load_average(), missing=missing, rows=rows)


def curve(measured, key):
    """The rows in which nothing but `key` differs from the usual, by that key."""
    usual = dict(pixels=measured["side"], pairs=1, iterations=1, threads=max(r["threads"] for r in measured["rows"]))
    rows = [r for r in measured["rows"] if all(r[k] == v for k, v in usual.items() if k != key)]
    return sorted(rows, key=lambda r: r[key])


def forecast(measured):
    """Amdahl's law from one thread to all: seconds(n) = seconds(1) * (serial + (1 - serial) / n)."""
    rows = curve(measured, "threads")
    if len(rows) < 2:
        return None
    one, most = rows[0], rows[-1]
    n = most["threads"]
    serial = max(0.0, (n * most["seconds"] / one["seconds"] - 1) / (n - 1))
    if serial >= 1:
        return None
    return serial, {cores: one["seconds"] * (serial + (1 - serial) / cores) for cores in (1, n, 16, 64)}


def text(measured):
    rows = measured["rows"]
    usual = max(rows, key=lambda r: r["threads"])
    parts = [f"{machine(usual)}; load average at the end {measured['load']}. One drag iteration with text guidance, f32, "
             f"{measured['side']}x{measured['side']}, one drag, {usual['threads']} threads, unless the table says otherwise. A run "
             "to warm up precedes each measurement, except those of several iterations.", "",
             "![seconds and peak memory over size, pairs, threads and iterations](curves.svg)", ""]
    head = ["what varies", "", "seconds", "GFLOP/s", "peak memory"]
    parts.append(table(head, [[CURVES[key], r[key], f"{r['seconds']:.2f}", f"{r['gflops']:.0f}", f"{r['peak_rss_mb'] / 1024:.2f} GB"]
                              for key in CURVES for r in curve(measured, key)]))
    parts.append("")
    for key, name in CURVES.items():
        found = curve(measured, key)
        if len(found) > 1 and key != "threads":
            first, last = found[0], found[-1]
            parts.append(f"- {name}, {first[key]} to {last[key]}: seconds times {last['seconds'] / first['seconds']:.2f}, "
                         f"peak memory times {last['peak_rss_mb'] / first['peak_rss_mb']:.2f}.")
    found = forecast(measured)
    if not found:
        parts.append("- threads: no forecast. Either there is only one thread, or more threads were no faster because the machine "
                     "was not idle.")
    else:
        serial, seconds = found
        parts += [f"- threads: {100 * serial:.1f} % of one thread's time does not shrink with a second. If that share stays (Amdahl's "
                  "law), an iteration takes " + ", ".join(f"{s:.2f} s on {n} cores" for n, s in seconds.items() if n > usual["threads"]) +
                  ". A forecast, not a measurement: it assumes that every core is as fast as these and brings its own memory bandwidth. "
                  "Cores share that bandwidth, and all-core clocks are lower, so real machines will be slower than this."]
    if measured["missing"]:
        parts.append(f"- not measured within {measured['minutes']:g} minutes: " + "; ".join(measured["missing"]) + ".")
    return "\n".join(parts)


def svg(measured):
    """Seconds above, peak memory below, a column for each curve; from 0, but counts, which double, lie side by side."""
    wide, high, gap, left = 190, 120, 60, 50
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + 4 * (wide + gap)}" height="{2 * (high + gap) + 20}" '
           'font-family="sans-serif" font-size="11">', '<rect width="100%" height="100%" fill="white"/>']
    for column, (key, name) in enumerate(CURVES.items()):
        rows = curve(measured, key)
        for line, (unit, values) in enumerate((("seconds", [r["seconds"] for r in rows]), ("GB", [r["peak_rss_mb"] / 1024 for r in rows]))):
            x0, y0 = left + column * (wide + gap), 30 + line * (high + gap) + high
            if not rows:
                continue
            top, end = 1.1 * max(values), rows[-1][key]
            along = [r[key] / end if key == "pixels" else (i + 1) / len(rows) for i, r in enumerate(rows)]
            points = [(x0 + wide * part, y0 - high * v / top) for part, v in zip(along, values)]
            out.append(f'<path d="M{x0} {y0 - high}V{y0}H{x0 + wide}" fill="none" stroke="#888"/>')
            corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            out.append(f'<polyline points="{corners}" fill="none" stroke="#1668b4" stroke-width="2"/>')
            for (x, y), r, v in zip(points, rows, values):
                out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#1668b4"/>')
                out.append(f'<text x="{x:.1f}" y="{y - 7:.1f}" text-anchor="middle">{v:.2f}</text>')
                out.append(f'<text x="{x:.1f}" y="{y0 + 14}" text-anchor="middle" fill="#555">{r[key]}</text>')
            out.append(f'<text x="{x0 - 6}" y="{y0 - high - 10}" fill="#555">{unit}</text>')
            out.append(f'<text x="{x0 + wide / 2}" y="{y0 + 30}" text-anchor="middle">{name}</text>')
    return "\n".join(out + ["</svg>", ""])


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--docs", default="docs/measurements", help="folder of performance.md")
    p.add_argument("--minutes", type=float, default=10, help="at most")
    p.add_argument("--sizes", type=int, nargs="*", default=[256, 384, 512, 640, 768])
    p.add_argument("--side", type=int, default=384, help="of the picture while pairs, threads or iterations vary")
    p.add_argument("--model", help="a model folder instead of random weights in Stable Diffusion 1.5's shapes")
    p.add_argument("--report", action="store_true", help="measure nothing")
    a = p.parse_args()
    raw = os.path.join(a.docs, "curves.json")
    if not a.report:
        measured = measure(a)
        with open(raw, "w", encoding="utf-8") as f:
            json.dump(measured, f, indent=1)
            f.write("\n")
    with open(raw, encoding="utf-8") as f:
        measured = json.load(f)
    with open(os.path.join(a.docs, "curves.svg"), "w", encoding="utf-8") as f:
        f.write(svg(measured))
    write_block(os.path.join(a.docs, "performance.md"), "curves", text(measured))
    print(text(measured))


if __name__ == "__main__":
    main()
