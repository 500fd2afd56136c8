#!/usr/bin/env python3
"""Compares forecasts with the edits of the examples, and writes the table `forecasts` of docs/measurements/performance.md.

    forecasts.py [--docs FILE] [--only NAME …] [--model NAME] [--set KEY=VALUE …]

Each example is edited three times: first with a new state folder, again with the same one (fine-tuning and inversion come from the
cache), and with another new state folder and a budget of half the first edit's time. A forecast counts all drag steps that the edit
may take; the table scales it to the steps that the edit took.
"""
import argparse
import os
import re
import tempfile

from measuring import ROOT, edit, load_average, table, write_block

EXAMPLES = ("rabbit-ear", "penguin-beak", "crying-mouth")
STAGES = ("fine-tune", "invert", "drag", "sample", "judge")


def row(name, how, trajectory):
    forecast, job = trajectory["forecast"], trajectory["job"]
    expected = dict(forecast["seconds"])
    done = trajectory["steps"] / max(trajectory["settings"]["max_steps"], 1)
    if how != "with a budget":
        expected["drag"] *= done
    cells = [f"{expected[s]:.1f}, {job['seconds'][s]:.1f}" if s in expected and s in job["seconds"] else "" for s in STAGES]
    return [name, how, *cells, f"{forecast['seconds']['total']:.1f}, {job['seconds']['total']:.1f}",
            f"{forecast['memory'] / 2 ** 20:.0f}, {job['peak_memory'] / 2 ** 20:.0f}"]


def edits(name, folder, a):
    spec = os.path.join(ROOT, "examples", name + ".yaml")
    with open(spec, encoding="utf-8") as f:
        image = os.path.join(ROOT, "examples", re.search(r"^image: (\S+)", f.read(), re.M).group(1))

    def one(how, state, *settings):
        arguments = [x for s in (*a.set, *settings) for x in ("--set", s)]
        return edit(image, spec, os.path.join(folder, name + how), "--model", a.model, "--state", os.path.join(folder, state), *arguments)

    first = one("1", name)
    again = one("2", name)
    budget = round(first["job"]["seconds"]["total"] / 2)
    cut = one("3", name + "b", f"budget={budget}s")
    rows = [row(name, "first", first), row(name, "again", again), row(name, "with a budget", cut)]
    return rows, [name, f"{budget} s", f"{cut['job']['seconds']['total']:.1f} s", cut["outcome"], f"{cut['steps']} of {first['steps']}",
                  f"{len(cut['fine_tuning_losses'])} of {len(first['fine_tuning_losses'])}"]


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--docs", default="docs/measurements/performance.md")
    p.add_argument("--only", nargs="*", default=EXAMPLES)
    p.add_argument("--model", default="starter")
    p.add_argument("--set", nargs="*", default=[])
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = [edits(name, folder, a) for name in a.only]
    text = f"Seconds and MB, forecast and taken; load average at the end {load_average()}.\n\n"
    text += table(["", "", "fine-tuning", "inversion", "drag, of the steps done", "sampling", "verdict", "all, at most", "memory"],
                  [r for rows, _ in found for r in rows])
    text += "\n\n" + table(["", "budget", "took", "outcome", "drag steps", "fine-tuning steps"], [cut for _, cut in found])
    write_block(a.docs, "forecasts", text)
    print(text)


if __name__ == "__main__":
    main()
