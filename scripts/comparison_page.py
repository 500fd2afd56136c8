"""The page of comparison.py: the paper's tables 1 to 3 and figure 6 in form, the ablations, and where the paper's order holds."""
import json
import os
import shutil
import statistics

from measuring import table, wrapped

# The paper's figures that we know: MD and IF by steps, seconds on an RTX 3090. Its figure of FreeDrag's MD is not at hand.
PAPER_MD = {"clipdrag": {10: 49.5, 20: 45.1, 40: 39.2, 80: 35.8, 160: 32.3}, "dragdiffusion": {80: 38.8}, "stabledrag": {80: 39.0},
            "fastdrag": {80: 41.9}}
PAPER_IF = {"clipdrag": {10: 0.95, 20: 0.94, 40: 0.93, 80: 0.90, 160: 0.88}, "stabledrag": {80: 0.84}, "fastdrag": {80: 0.89}}
PAPER_SECONDS = {"clipdrag": 47.8, "freedrag": 69.4, "sdedrag": 70, "stabledrag": 72.3, "fastdrag": 75.5, "dragdiffusion": 80.3}
STEPS = [10, 20, 40, 80, 160]
PLOTS = ("distance.svg", "fidelity.svg", "trade-off.svg")
FIGURES = [("MD", "mean_distance", 1), ("PSNR to the true result", "target_psnr", 2), ("SSIM outside", "outside_ssim", 3),
           ("CLIP", "clip_score", 3)]


def read(out, part):
    path = os.path.join(out, part, "rows.jsonl")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f if line.endswith("\n")]


def rows_of(out, part, states):
    """A part's rows without failures; of a part that was cut, those of the cases that it has finished."""
    rows = read(out, part)
    if rows and states.get(part) != "done":
        counts = {r["case"]: sum(x["case"] == r["case"] for x in rows) for r in rows}
        rows = [r for r in rows if counts[r["case"]] == max(counts.values())] if len(counts) > 1 else []
    return [r for r in rows if not r.get("failure")]


def number(value, digits):
    return "–" if value is None else f"{value:.{digits}f}"


def means(rows, key):
    """The seeds' means of a figure."""
    seeds = sorted({r["seed"] for r in rows})
    found = [[r[key] for r in rows if r["seed"] == s and r.get(key) is not None] for s in seeds]
    return [statistics.fmean(values) for values in found if values]


def figure(rows, key):
    """(mean, standard deviation of the seeds' means or None); None where no row has the figure."""
    values = means(rows, key)
    if not values:
        return None
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def shown(found, digits):
    if found is None:
        return "–"
    return number(found[0], digits) + ("" if found[1] is None else f" ± {number(found[1], digits)}")


def names(rows):
    return list(dict.fromkeys(r["method"] for r in rows))


def by_steps(rows, key, digits, paper=None):
    """A table of a figure by method and steps; a method without steps has one figure."""
    lines = []
    for name in names(rows):
        mine = [r for r in rows if r["method"] == name]
        cells = [shown(figure([r for r in mine if r.get("steps") == n], key), digits) for n in STEPS]
        alone = shown(figure([r for r in mine if r.get("steps") is None], key), digits)
        lines.append([f"`{name}`", *cells, alone])
        known = (paper or {}).get(name)
        if known:
            lines.append([f"`{name}`, the paper's", *[number(known.get(n), digits) for n in STEPS], ""])
    return table(["method", *[f"{n} steps" for n in STEPS], "without steps"], lines)


def at_80(rows):
    return [r for r in rows if r.get("steps") in (80, None)]


def share(rows, key, value):
    return f"{100 * sum(r.get(key) == value for r in rows) / len(rows):.0f} %" if rows else "–"


def plain(rows):
    """Columns of figures of some rows."""
    return [str(len(rows)), share(rows, "verdict", "moved"), share(rows, "damage", "severe"),
            *[shown(figure(rows, key), digits) for _, key, digits in FIGURES]]


HEAD = ["edits", "moved", "severe damage", *[title for title, _, _ in FIGURES]]


def whole_seconds(rows):
    """Seconds of each edit as if nothing came from the cache: a restored stage counts as long as it took in rows of equal fine-tuning."""
    times = {}
    stage_key = lambda stage, r: (stage, r.get("fine_tuning_steps") if stage == "fine-tune" else None)
    for r in rows:
        for stage, seconds in r["seconds"].items():
            if stage not in r["restored"]:
                times.setdefault(stage_key(stage, r), []).append(seconds)
    mean = {key: statistics.fmean(values) for key, values in times.items()}
    for r in rows:
        own = sum(s for stage, s in r["seconds"].items() if stage not in r["restored"])
        yield r["method"], own + sum(mean.get(stage_key(stage, r), 0) for stage in r["restored"])


def table_3(rows):
    lines = []
    seconds = list(whole_seconds(rows))
    for name in names(rows):
        mine = [s for method, s in seconds if method == name]
        peaks = [r["peak_memory"] / 1e6 for r in rows if r["method"] == name and r.get("peak_memory")]
        lines.append([f"`{name}`", f"{statistics.fmean(mine):.1f}", number(statistics.fmean(peaks) if peaks else None, 0),
                      number(PAPER_SECONDS.get(name), 1)])
    return table(["method", "seconds", "peak MB", "the paper's seconds (RTX 3090, 512²)"], lines)


def order(rows):
    """For each pair of the paper whether its order by MD holds at 80 steps. Where seeds spread, a difference within their joint
    standard deviation decides nothing."""
    found = {name: figure([r for r in at_80(rows) if r["method"] == name], "mean_distance") for name in PAPER_MD}
    lines = []
    best = found.get("clipdrag")
    for name in list(PAPER_MD)[1:]:
        other = found.get(name)
        if not best or not other:
            continue
        difference = other[0] - best[0]
        spread = None if best[1] is None or other[1] is None else (best[1] ** 2 + other[1] ** 2) ** 0.5
        if spread is not None and abs(difference) <= spread:
            word = "is not decided: the difference lies within the seeds' spread"
        else:
            word = "holds" if difference > 0 else "does not hold"
            word += "" if spread is not None else " (one seed: no spread)"
        lines.append(f"- `clipdrag` before `{name}` (the paper: {PAPER_MD['clipdrag'][80]} and {PAPER_MD[name][80]}): MD {shown(best, 1)} "
                     f"and {shown(other, 1)} here; the order {word}.")
    all_found = lambda key: [(figure([r for r in at_80(rows) if r["method"] == n], key), n) for n in names(rows)]
    near = [f"`{n}` {shown(f, 2)}" for f, n in sorted((x for x in all_found("target_psnr") if x[0]), reverse=True)]
    least = [f"`{n}` {shown(f, 1)}" for f, n in sorted(x for x in all_found("mean_distance") if x[0])]
    source = figure(rows, "source_psnr")
    if least:
        lines.append(f"- By MD, least first: {', '.join(least)}.")
    if near:
        lines.append(f"- By nearness to the true result (PSNR in dB, where it differs from the source): {', '.join(near)}. "
                     f"The untouched source has {shown(source and (source[0], None), 2)}.")
    return "\n".join(lines)


def main_parts(out, states):
    bench, more = rows_of(out, "methods", states), rows_of(out, "text-alone", states)
    if not bench:
        return []
    text = ["## Tables 1 and 2 in form: examples/bench",
            f"{len({r['case'] for r in bench})} cases ({', '.join(sorted({r['case'] for r in bench}))}). All methods begin at the source "
            "(`warp: 0`). The paper's figures are of other pictures, another model and other features: compare the order of the rows, "
            "not the figures. `diffclip` follows the text alone, on the cases that have one.",
            "MD in pixels, less is better:", by_steps(bench + more, "mean_distance", 1, PAPER_MD)]
    has_fidelity = any(r.get("image_fidelity") is not None for r in bench)
    text += ["IF = 1 − LPIPS, more is better:", by_steps(bench + more, "image_fidelity", 3, PAPER_IF)] if has_fidelity else [
        "The paper's table 2 has IF = 1 − LPIPS. LPIPS's weights could not be had here (docs/evaluation.md says how to import them), so "
        "this table has SSIM of source and result outside the drags' surroundings; doing nothing gives 1:",
        by_steps(bench + more, "outside_ssim", 3)]
    text += ["PSNR to the true result in dB, where it differs from the source, more is better:",
             by_steps(bench + more, "target_psnr", 2)]
    return text


def figure_6(out, page, states):
    """The plots of evaluate, copied beside the page."""
    if not rows_of(out, "methods", states):
        return []
    folder = os.path.join(os.path.dirname(page), "measurements", "comparison")
    os.makedirs(folder, exist_ok=True)
    lines = []
    for name in PLOTS:
        if os.path.exists(os.path.join(out, "methods", name)):
            shutil.copy(os.path.join(out, "methods", name), folder)
            lines.append(f"![{name.removesuffix('.svg')}](measurements/comparison/{name})")
    return ["## Figure 6 in form", "\n".join(lines)] if lines else []


def spread_part(out, states):
    rows = rows_of(out, "spread", states)
    first = at_80(rows_of(out, "methods", states))
    if not rows:
        rows = first
    else:
        cases = {r["case"] for r in rows}
        first = [r for r in first if r["case"] in cases]
        rows = first + [r for r in rows if r["case"] in {f["case"] for f in first}]
    if not rows:
        return []
    lines = [[f"`{n}`", *plain([r for r in rows if r["method"] == n])] for n in names(rows)]
    seeds = sorted({r["seed"] for r in rows})
    return ["The starter's recommended settings were tuned for `clipdrag`, on other cases, and have `motion_area: surroundings`, "
            "which is ours: the row `clipdrag` is not the paper's method alone. The other methods run with their published settings. "
            "The text works through CLIP's gradient alone (`text_sampling: 0`, `text_steps: 30`). *Severe damage* is the verdict of the "
            "program that made the edit; its thresholds have changed since the rows of 28 November 2026.",
            "## Where the paper's order holds, at 80 steps",
            f"{len({r['case'] for r in rows})} cases, seeds {', '.join(map(str, seeds))}; ± is the standard deviation of the seeds' means.",
            table(["method", *HEAD], lines), order(rows)]


def chosen_rows(out, part, states):
    """The rows of a part; `part@method`: that method's at 80 steps."""
    part, _, method = part.partition("@")
    rows = rows_of(out, part, states)
    return [r for r in at_80(rows) if r["method"] == method] if method else rows


def ablation(out, states, heading, parts, words):
    """A table with a row for each part; `parts`: (label, part)."""
    found = [(label, chosen_rows(out, part, states)) for label, part in parts]
    lines = [[label, *plain(rows)] for label, rows in found if rows]
    return [f"## {heading}", words, table(["", *HEAD], lines)] if lines else []


def conflicts(out, states, chosen):
    lines = []
    for weight in ("0.7", "10", "100"):
        rows = rows_of(out, f"lambda-{weight}", states)
        if rows:
            before = figure(rows, "clip_score_source")
            lines.append([f"λ = {weight}", *plain(rows), shown(before and (before[0], None), 3)])
    if not lines:
        return []
    texts = "; ".join(f"{case.replace('-', ' ')}: “{text}”" for case, text in chosen.items())
    return ["## Appendix D: λ where text and drags contradict each other",
            f"The drags lead one way and the text another ({texts}). `warp: 0`, 80 steps. CLIP is the cosine with the contrary text: more "
            "means that the text prevails, and a larger MD that the drag does not. There is no true result.",
            table(["", *HEAD, "CLIP of the source"], lines)]


def three_texts(out, page, states, texts, drag, seed):
    rows = rows_of(out, "texts", states)
    if not rows:
        return []
    folder = os.path.join(os.path.dirname(page), "measurements", "comparison")
    os.makedirs(folder, exist_ok=True)
    shutil.copy(os.path.join(out, "cases", "texts", texts[0].replace(" ", "-"), "image.png"), os.path.join(folder, "texts-source.png"))
    pictures, lines = ["![source](measurements/comparison/texts-source.png)"], []
    for text in texts:
        name = text.replace(" ", "-")
        mine = [r for r in rows if r["case"] == name]
        if not mine:
            continue
        shutil.copy(os.path.join(out, "texts", "results", f"{name}.clipdrag.80.{seed}.png"), os.path.join(folder, f"texts-{name}.png"))
        pictures.append(f"![{text}](measurements/comparison/texts-{name}.png)")
        r = mine[0]
        lines.append([f"“{text}”", r["verdict"], number(r.get("mean_distance"), 1), number(r.get("clip_score_source"), 3),
                      number(r.get("clip_score"), 3)])
    return ["## Figure 7b: one drag under three texts", f"`{drag}` on “neutral face”; the source, then the results in the table's order.",
            " ".join(pictures), table(["text", "verdict", "MD", "CLIP of the source", "CLIP of the result"], lines)]


def ablations(out, page, states, facts):
    w0 = "`warp: 0`, 80 steps, one seed unless ± is shown."
    yield ablation(out, states, "Fusion", [(f"`fusion: {f}`", f"fusion-{f}") for f in
                                           ("clipdrag", "add", "prograd", "drag", "text", "components")],
                   f"Cases with a text. {w0}")
    yield ablation(out, states, "Tracking", [(f"`tracking: {t}`", f"tracking-{t}") for t in ("fast", "nearest", "guarded")],
                   f"Cases without a text. {w0}")
    yield conflicts(out, states, facts["conflicts"])
    yield ablation(out, states, "Appendix C: the text first, the drags first, or both together",
                   [("both together", "fusion-clipdrag"), ("text, then drags", "text-first"), ("drags, then text", "drag-first"),
                    ("drags alone", "fusion-drag"), ("text alone", "fusion-text")],
                   "Text first: the picture that `fusion: text` gives is dragged with `fusion: drag`. Drags first: the picture that "
                   "`fusion: drag` gives is edited by the text alone. MD and SSIM of a second edit compare with the first one's result, "
                   "not with the source; PSNR compares with the true result everywhere.")
    yield three_texts(out, page, states, facts["texts"], facts["drag"], facts["seed"])
    yield ablation(out, states, "The stretch of the starter model", [("`clipdrag` with `warp: 1`", "stretch"),
                                                                      ("`clipdrag` with `warp: 0`, 80 steps", "methods@clipdrag")],
                   "`recommended` of the starter model stretches the picture along its drags before CLIPDrag begins. The stretch is ours "
                   "(docs/algorithm.md), so no other table here has it.")


def dragbench(out, states):
    rows = rows_of(out, "dragbench", states)
    if not rows:
        return []
    return ["## A folder in DragBench's form",
            f"{len({r['case'] for r in rows})} of the example pictures, with masks, made by `scripts/dragbench_to_cases.py --sample`: "
            "DragBench itself could not be had here. There is no true result. MD in pixels:", by_steps(rows, "mean_distance", 1),
            "SSIM of source and result outside the mask:", by_steps(rows, "outside_ssim", 3)]


def missing(out, parts, states):
    lines = []
    for part in parts:
        state = states.get(part.name)
        if state == "done":
            continue
        rows = read(out, part.name)
        lines.append(f"- `{part.name}`: " + {"cut": f"broken off after {len(rows)} edits", "failed": f"failed after {len(rows)} edits"}
                     .get(state, "has not run"))
    failed = [r for part in parts for r in read(out, part.name) if r.get("failure")]
    codes = {}
    for r in failed:
        codes.setdefault((r["method"], r["failure"]), []).append(r)
    lines += [f"- {len(rows)} edits by `{method}` failed with {code}: {rows[0].get('message', '')}" for (method, code), rows in
              sorted(codes.items())]
    return ["## What is missing", "\n".join(lines)] if lines else []


def write(page, out, parts, states, facts):
    text = ["# Comparison of the methods",
            "`make comparison` writes this page: `scripts/comparison.py` runs `clipdragd evaluate` for each part and goes on where it "
            "stopped. Model `starter`, preset `recommended`. [evaluation.md](evaluation.md) says what each figure is. MD is taken by the "
            "starter model's own features, so it is comparable with no published figure."]
    text += spread_part(out, states) + main_parts(out, states) + figure_6(out, page, states)
    bench = rows_of(out, "methods", states)
    if bench:
        text += ["## Table 3 in form: time and memory", "Seconds of a whole edit of 128×128 pixels with the starter model, fine-tuning "
                 "included, at 80 steps or at the method's own number. [performance.md](performance.md) and [methods](methods/README.md) "
                 "have those of Stable Diffusion 1.5's shapes.", table_3(at_80(bench))]
    text += dragbench(out, states)
    for block in ablations(out, page, states, facts):
        text += block
    text += missing(out, parts, states)
    with open(page, "w", encoding="utf-8") as f:
        f.write(wrapped("\n\n".join(text)) + "\n")
