#!/usr/bin/env python3
"""Runs the comparison of all methods and its ablations, and writes docs/comparison.md.

    comparison.py --out DIR [--docs FILE.md] [--cases FOLDER] [--seeds 42,43,44] [--steps 10,20,40,80,160] [--only PART …]

Each part is one `clipdragd evaluate` in a folder of its own below DIR, which goes on where it stopped: an interrupted comparison is
simply started again. Hours on two cores. The page has the table of every part, as its README.md has it, and where the paper's order holds.
"""
import argparse
import json
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BINARY = os.environ.get("CLIPDRAGD", os.path.join(ROOT, ".build/release/clipdragd"))
FUSIONS = ["clipdrag", "add", "prograd", "drag", "text", "components"]
# CLIPDrag's order in the paper's table 1: MD at 80 steps, least first.
PAPER = ["clipdrag", "dragdiffusion", "stabledrag", "fastdrag", "freedrag"]


def methods():
    text = subprocess.run([BINARY, "edit", "--help"], capture_output=True, text=True).stdout
    names = text.split("spec's:")[1].split(".")[0]
    return [n.strip() for n in " ".join(names.split()).split(",") if n.strip() != "none"]


def parts(steps):
    """(name, heading, methods, settings, steps)"""
    yield "methods", "All methods over the number of drag steps (the paper's tables 1 and 2, figure 6)", methods(), [], steps
    for fusion in FUSIONS:
        yield f"fusion-{fusion}", f"Fusion: {fusion}", ["clipdrag"], [f"fusion={fusion}", "warp=0"], "80"
    for tracking in ("fast", "nearest", "guarded"):
        yield f"tracking-{tracking}", f"Tracking: {tracking}", ["clipdrag"], [f"tracking={tracking}", "warp=0"], "80"
    for weight in (0.7, 10, 100):
        yield f"lambda-{weight}", f"λ = {weight} (appendix D)", ["clipdrag"], [f"lambda={weight}", "warp=0"], "80"


def rows(folder):
    path = os.path.join(folder, "rows.jsonl")
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return [json.loads(line) for line in f]


def table(folder):
    """The first table of a part's page, and that against the true result."""
    with open(os.path.join(folder, "README.md")) as f:
        text = f.read()
    tables, current = [], []
    for line in text.splitlines() + [""]:
        if line.startswith("|"):
            current.append(line)
        elif current:
            tables.append("\n".join(current))
            current = []
    return tables


def order(folder):
    """Whether the paper's order of MD holds at the most steps, by the means over all edits."""
    found = {}
    for name in PAPER:
        mine = [r for r in rows(folder) if r["method"] == name and r.get("mean_distance") is not None]
        most = max((r["steps"] or 0 for r in mine), default=0)
        values = [r["mean_distance"] for r in mine if (r["steps"] or 0) == most]
        if values:
            found[name] = sum(values) / len(values)
    here = sorted(found, key=found.get)
    lines = [f"The paper's order by MD, least first: {', '.join(n for n in PAPER if n in found)}.",
             f"The order here at the most steps: {', '.join(f'{n} ({found[n]:.1f})' for n in here)}."]
    return "\n".join(lines)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--out", required=True)
    p.add_argument("--docs")
    p.add_argument("--cases", default=os.path.join(ROOT, "examples/bench"))
    p.add_argument("--seeds", default="42,43,44")
    p.add_argument("--steps", default="10,20,40,80,160")
    p.add_argument("--only", nargs="*")
    a = p.parse_args()
    done = []
    for name, heading, names, settings, steps in parts(a.steps):
        if a.only and name not in a.only:
            continue
        folder = os.path.join(a.out, name)
        command = [BINARY, "evaluate", a.cases, "--methods", ",".join(names), "--steps", steps, "--seeds", a.seeds, "--out", folder]
        for setting in settings:
            command += ["--set", setting]
        print(f"== {name}", flush=True)
        subprocess.run(command, check=True)
        done.append((name, heading, settings, folder))
    if not a.docs:
        return
    page = ["# Comparison of the methods", "",
            f"`make comparison` wrote this page: every case of `{os.path.relpath(a.cases, ROOT)}`, seeds {a.seeds}. Figures are "
            "means ± the standard deviation of the seeds' means. [evaluation.md](evaluation.md) says what each column is, and by "
            "which features MD is taken."]
    for name, heading, settings, folder in done:
        page += ["", f"## {heading}", ""]
        if settings:
            page += [f"`{' '.join(settings)}`", ""]
        for text in table(folder):
            page += [text, ""]
        if name == "methods":
            page += [order(folder), ""]
    with open(a.docs, "w") as f:
        f.write("\n".join(page).rstrip() + "\n")


if __name__ == "__main__":
    main()
